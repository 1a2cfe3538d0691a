-- A worker's sign of life. ARGV: worker, where all lanes are listed, this lane's name, its status' bytes, then the jobs that it
-- knows it has. Those of them that nobody waits for any more.
local worker, lanes, name, status = unpack(ARGV)
whatever_memory_says()
sound('ZADD', lane .. ':workers', now, worker)
sound('HSET', lane .. ':said', worker, status)
sound('ZADD', lanes, now, name)
redis.call('PEXPIRE', lanes, 86400000)
local known, gone, held = {}, {}, lane .. ':held:' .. worker
for at = 5, #ARGV do
  known[ARGV[at]] = true
  if redis.call('EXISTS', key_of(ARGV[at])) == 0 then
    gone[#gone + 1] = ARGV[at]
    sound('HDEL', held, ARGV[at])
  end
end
-- what it was given and never heard of, since its connection broke in between
local taken = sound('HGETALL', held)
for at = 1, #taken, 2 do
  local since = tonumber(string.match(taken[at + 1], '^%d+') or 0)
  if not known[taken[at]] and now - since > SILENT then
    redis.call('HDEL', held, taken[at])
    put_back(taken[at])
  end
end
return gone
