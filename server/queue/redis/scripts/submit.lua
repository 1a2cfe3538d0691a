-- A job to the end of its owner's line. Said again it changes nothing, so that who heard no answer may say it again.
-- ARGV: kind, id, owner, series, front end, age and milliseconds left, the job's bytes. 2 if its series is set aside.
local kind, id, owner, series, front, age, left, bytes = unpack(ARGV)
local job = key_of(id)
if redis.call('EXISTS', job) == 1 then
  return 0
end
if standing(series) == NEVER then
  return 2
end
local created, deadline = now - age, now + left
redis.call('HSET', job, 'o', owner, 'k', kind, 's', series, 'f', front, 'c', created, 'd', deadline, 'b', bytes)
redis.call('PEXPIRE', job, left + KEPT_JOB)
sound('ZADD', lane .. ':fronts', now, front)
line_up(kind, id, owner, created, tonumber(left), false)
return 1
