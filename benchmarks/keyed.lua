-- wrk's requests: the same call with one credential of a file after the other. KEYS names the file, HEADER what
-- goes before a credential, EXTRA more header lines.
local requests, at = {}, 0

function init(args)
  local headers = {}
  for line in (os.getenv("EXTRA") or ""):gmatch("[^\n]+") do
    local name, value = line:match("^([^:]+): (.*)$")
    headers[name] = value
  end
  local name, before = (os.getenv("HEADER") or "X-API-Key: "):match("^([^:]+): (.*)$")
  for key in io.lines(os.getenv("KEYS")) do
    headers[name] = before .. key
    requests[#requests + 1] = wrk.format("GET", nil, headers)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
