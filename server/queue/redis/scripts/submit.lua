-- A job to the end of its owner's line. Said again it changes nothing, so that who heard no answer may say it again.
-- ARGV: kind, id, owner, front end, age and milliseconds left, the job's bytes.
local kind, id, owner, front, age, left, bytes = unpack(ARGV)
local job = key_of(id)
if redis.call('EXISTS', job) == 1 then
  return 0
end
local created, deadline = now - age, now + left
redis.call('HSET', job, 'o', owner, 'k', kind, 'f', front, 'c', created, 'd', deadline, 'n', 0, 'b', bytes)
redis.call('PEXPIRE', job, left + KEPT_JOB)
sound('ZADD', lane .. ':fronts', now, front)
line_up(kind, id, owner, created, tonumber(left), false)
return 1
