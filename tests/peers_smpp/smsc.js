// The SMSC of npm `smpp`, which does what it is told on its input and says what happens.
//
//   NODE_PATH=.peers/node_modules node smsc.js [KEY CERTIFICATE]
//
// A line of input is a JSON object with one of
//   bind: status of the binds from now on
//   send: name of a PDU, with its options; `hex` in place of a text stands for octets
//   raw: octets in hex, written to the connection as they are
//   drop: true, to drop the connection
// Each line of output is one of {port}, {bound}, {answer, status, sequence}, {request}, {closed}.
"use strict";
const fs = require("fs");
const readline = require("readline");
const smpp = require("smpp");

const [key, certificate] = process.argv.slice(2);
const tls = key ? { key: fs.readFileSync(key), cert: fs.readFileSync(certificate) } : {};
const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");
let status = 0;
let session = null;

const octets = (value) => {
  if (value && value.hex !== undefined) return Buffer.from(value.hex, "hex");
  if (value && value.udh) return { udh: Buffer.from(value.udh, "hex"), message: value.message };
  return value;
};

const server = smpp.createServer(tls, (opened) => {
  const bind = (pdu) => {
    opened.send(pdu.response({ command_status: status, system_id: "npm" }));
    if (status === 0) session = opened;
    say({ bound: pdu.command, status, system_id: pdu.system_id, password: pdu.password });
  };
  opened.on("bind_transceiver", bind);
  opened.on("bind_receiver", bind);
  for (const name of ["enquire_link", "unbind"]) {
    opened.on(name, (pdu) => {
      opened.send(pdu.response());
      say({ request: name });
    });
  }
  opened.on("error", () => {});
  opened.on("close", () => say({ closed: true }));
});

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const told = JSON.parse(line);
  if (told.bind !== undefined) status = told.bind;
  if (told.raw !== undefined) session.socket.write(Buffer.from(told.raw, "hex"));
  if (told.drop) session.socket.destroy();
  if (told.send) {
    const options = { ...told.options };
    for (const name of ["short_message", "message_payload"]) {
      if (name in options) options[name] = octets(options[name]);
    }
    session[told.send](options, (answer) =>
      say({ answer: answer.command, status: answer.command_status, sequence: answer.sequence_number })
    );
  }
}).on("close", () => process.exit(0));

server.listen(0, "127.0.0.1", () => say({ port: server.address().port }));
