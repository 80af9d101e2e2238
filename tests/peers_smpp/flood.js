// An SMSC that sends deliver_sm as fast as a window allows, and says how fast that was.
//
//   NODE_PATH=.peers/node_modules node flood.js PORT COUNT WINDOW FILE [SESSIONS]
//
// COUNT is a number of messages, or seconds when it ends with an s, as 30s. FILE has a line
// NUMBER<TAB>SENDER<TAB>TEXT for each message; they are sent in order, again from the first when
// there are not enough. PORT 0 takes a free one. It prints {"port": n} when it listens, starts
// when SESSIONS (1) are bound, and prints {"sent", "acked", "errors", "seconds", "per_s"}.
"use strict";
const fs = require("fs");
const smpp = require("smpp");

const [port, count, window_, file, sessions] = process.argv.slice(2);
const forSeconds = count.endsWith("s") ? parseFloat(count) : 0;
const wanted = forSeconds ? Infinity : parseInt(count, 10);
const perSession = parseInt(window_, 10);
const messages = fs.readFileSync(file, "utf8").split("\n").filter(Boolean).map((line) => {
  const [number, sender, text] = line.split("\t");
  const plain = /^[\x20-\x7e]*$/.test(text);
  return {
    source_addr_ton: /^\+?\d+$/.test(sender) ? 1 : 5,
    source_addr: sender.replace(/^\+/, ""),
    dest_addr_ton: 1,
    destination_addr: number.replace(/^\+/, ""),
    data_coding: plain ? 1 : 8,
    short_message: plain ? Buffer.from(text, "latin1") : Buffer.from(text, "utf16le").swap16(),
  };
});
const bound = [];
const result = { sent: 0, acked: 0, errors: 0, seconds: 0, per_s: 0 };
let startedAt = 0n;

const seconds = () => Number(process.hrtime.bigint() - startedAt) / 1e9;
const isOver = () => result.sent >= wanted || (forSeconds && seconds() >= forSeconds);

function finish() {
  result.seconds = seconds();
  result.per_s = Math.round(result.acked / result.seconds);
  process.stdout.write(JSON.stringify(result) + "\n", () => process.exit(0));
}

function fill(session) {
  while (session.open < perSession && !isOver()) {
    const message = messages[result.sent % messages.length];
    result.sent += 1;
    session.open += 1;
    session.deliver_sm(message, (answer) => {
      session.open -= 1;
      result[answer.command_status === 0 ? "acked" : "errors"] += 1;
      if (isOver() && result.acked + result.errors === result.sent) finish();
      else fill(session);
    });
  }
}

const server = smpp.createServer((session) => {
  const accept = (pdu) => {
    session.send(pdu.response({ system_id: "flood" }));
    session.open = 0;
    bound.push(session);
    if (bound.length === parseInt(sessions || "1", 10)) {
      startedAt = process.hrtime.bigint();
      bound.forEach(fill);
    }
  };
  session.on("bind_transceiver", accept);
  session.on("bind_receiver", accept);
  session.on("enquire_link", (pdu) => session.send(pdu.response()));
  session.on("error", () => {});
  session.on("close", () => startedAt && finish());
});
server.listen(parseInt(port, 10), "127.0.0.1", () => {
  process.stdout.write(JSON.stringify({ port: server.address().port }) + "\n");
});
