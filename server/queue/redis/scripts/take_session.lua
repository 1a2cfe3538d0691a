-- What is kept of a session, which is this front end's from now on. KEYS: the session's. ARGV: front end.
local session = KEYS[1]
local bytes = sound('HGET', session, 'b')
if bytes then
  redis.call('HSET', session, 'f', ARGV[1])
end
return bytes
