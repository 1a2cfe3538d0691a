-- Let a job go. ARGV: id, and 1 if only where it still waits. 1 if it waited, 2 if a worker has it, 0 if it is not there.
local id, only_waiting = ARGV[1], ARGV[2] == '1'
local job = key_of(id)
local owner, kind = unpack(sound('HMGET', job, 'o', 'k'))
if not owner then
  return 0
end
local waited = sound('ZREM', lane .. ':waiting:' .. kind, id) == 1
if waited then
  step_out(kind, id, owner)
end
if waited or not only_waiting then
  redis.call('DEL', job)
end
return waited and 1 or 2
