-- What wrk sends: each line of a file is a path to get or, with a gateway's secret, a message to post.
-- Arguments behind `--`: the file, a text that every right answer holds, and for messages the path
-- of the gateway and its secret. Paths come round again; a message is sent once.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  answers, good, turn = 0, 0, 0
  lines, expected, gateway = {}, args[2], args[3]
  headers = gateway and { ["Authorization"] = "Bearer " .. args[4], ["Content-Type"] = "application/json" }
  for line in io.lines(args[1]) do
    lines[#lines + 1] = gateway and line or wrk.format("GET", line)
  end
end

function request()
  turn = turn + 1
  if not gateway then
    return lines[(turn - 1) % #lines + 1]
  end
  if turn > #lines then
    wrk.thread:stop()
    return wrk.format("GET", "/health")
  end
  return wrk.format("POST", gateway, headers, lines[turn])
end

function response(status, _, body)
  answers = answers + 1
  if status == 200 and body:find(expected, 1, true) then
    good = good + 1
  end
end

function done(summary, latency)
  local all, right = 0, 0
  for _, thread in ipairs(threads) do
    all, right = all + thread:get("answers"), right + thread:get("good")
  end
  local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format(
    '\nRESULT {"seconds": %.6f, "answers": %d, "good": %d, "broken": %d, "median_ms": %.3f, "p99_ms": %.3f}\n',
    summary.duration / 1e6, all, right, broken,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
