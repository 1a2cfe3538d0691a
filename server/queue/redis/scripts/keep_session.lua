-- Keep a session, unless another front end has it by now. KEYS: the session's. ARGV: front end, bytes, milliseconds.
whatever_memory_says()
local session = KEYS[1]
local front = sound('HGET', session, 'f')
if front and front ~= ARGV[1] then
  return 0
end
redis.call('HSET', session, 'f', ARGV[1], 'b', ARGV[2])
redis.call('PEXPIRE', session, ARGV[3])
return 1
