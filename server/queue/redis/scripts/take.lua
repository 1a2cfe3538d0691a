-- Up to so many jobs whose turn it is, one owner after the other. ARGV: kind, worker, most.
-- Each as: id, age, milliseconds left, blames, bytes.
local kind, worker, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
whatever_memory_says()
local turns, waiting, bell = lane .. ':turns:' .. kind, lane .. ':waiting:' .. kind, lane .. ':bell:' .. kind
local fronts, held = lane .. ':fronts', lane .. ':held:' .. worker
local taken = {}
sound('ZADD', lane .. ':workers', now, worker)

-- Whether somebody still waits for a job, and a worker could have it; one that nobody does, or none could, is let go.
local function wanted(id, job, front, deadline)
  if not front then
    return false
  end
  if redis.call('HSTRLEN', job, 'b') > MOST_BYTES then
    redis.call('DEL', job)
    redis.call('ZREM', waiting, id)
    answer(front, 'i', id, 'v', 'too_large')
    return false
  end
  local heard = sound('ZSCORE', fronts, front)
  if heard and now - heard <= FRONT_SILENT and tonumber(deadline) >= now then
    return true
  end
  if not heard or now - heard > FRONT_SILENT then
    redis.call('DEL', job)
  end
  return false
end

while #taken < 5 * most do
  local owner = sound('ZPOPMIN', turns)[1]
  if not owner then
    break
  end
  local line = line_of(kind, owner)
  local id, served = sound('LPOP', line), false
  while id and not served do
    local job = key_of(id)
    local front, created, deadline, blames = unpack(sound('HMGET', job, 'f', 'c', 'd', 'n'))
    if wanted(id, job, front, deadline) then
      served = true
      local bytes = redis.call('HGET', job, 'b')
      redis.call('ZREM', waiting, id)
      sound('HSET', held, id, now)
      for _, part in ipairs({id, now - created, deadline - now, blames, bytes}) do
        taken[#taken + 1] = part
      end
    else
      if not front then
        redis.call('ZREM', waiting, id)
      end
      id = redis.call('LPOP', line)
    end
  end
  if redis.call('LLEN', line) > 0 then
    give_turn(kind, owner, false)
  end
end
if redis.call('ZCARD', turns) == 0 then
  redis.call('DEL', bell)
elseif sound('LLEN', bell) == 0 then
  redis.call('RPUSH', bell, 1)
end
return taken
