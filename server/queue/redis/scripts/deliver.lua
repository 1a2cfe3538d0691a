-- The answer to a job, to the front end that asked, if that was the first one. ARGV: worker, id, the result's bytes.
local worker, id, bytes = unpack(ARGV)
sound('HDEL', lane .. ':held:' .. worker, id)
local job = key_of(id)
local owner, kind, series, front = unpack(sound('HMGET', job, 'o', 'k', 's', 'f'))
if redis.call('DEL', job) == 0 or not front then
  return 0
end
if redis.call('ZREM', lane .. ':waiting:' .. kind, id) == 1 then
  step_out(kind, id, owner)
end
if tried(series or id, worker, id) then
  redis.call('HINCRBY', suspicion_of(series or id), 'left', -1)
  redis.call('HDEL', suspicion_of(series or id), 'by', 'with', 'last')
end
answer(front, 'i', id, 'r', bytes)
return 1
