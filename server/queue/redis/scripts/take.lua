-- Up to so many jobs whose turn it is, one owner after the other. ARGV: kind, worker, most. Each as: id, age, milliseconds
-- left, bytes. False where something waits that the worker cannot have before it, or another, has done what it has.
local kind, worker, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
whatever_memory_says()
local turns, waiting, bell = lane .. ':turns:' .. kind, lane .. ':waiting:' .. kind, lane .. ':bell:' .. kind
local fronts, held, alone = lane .. ':fronts', lane .. ':held:' .. worker, lane .. ':alone:' .. worker
local taken, later = {}, {}
sound('ZADD', lane .. ':workers', now, worker)

-- A worker that has a suspect, or is to have one, gets nothing else: `alone` says for which kind it is kept free, if for one.
local kept_for = sound('GET', alone)
if kept_for then
  if sound('HLEN', held) > 0 or kept_for ~= '' and kept_for ~= kind then
    return false
  end
  redis.call('DEL', alone)
end

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

local stop = false
while #taken < 4 * most and not stop do
  local owner = sound('ZPOPMIN', turns)[1]
  if not owner then
    break
  end
  local line = line_of(kind, owner)
  local id, served, first = sound('LPOP', line), false, false
  while id and not served do
    local job = key_of(id)
    local front, created, deadline, series = unpack(sound('HMGET', job, 'f', 'c', 'd', 's'))
    series = series or id
    local how = wanted(id, job, front, deadline) and standing(series)
    if how == NEVER then
      redis.call('DEL', job)
      redis.call('ZREM', waiting, id)
      answer(front, 'i', id, 'v', 'set_aside')
    elseif how == LATER then
      redis.call('LPUSH', line, id)
      later[#later + 1], served = owner, true
    elseif how == ALONE and sound('HLEN', held) > 0 then
      redis.call('LPUSH', line, id)
      redis.call('SET', alone, kind, 'PX', KEPT_LINE)
      served, first, stop = true, true, true
    elseif how then
      served = true
      local bytes = redis.call('HGET', job, 'b')
      redis.call('ZREM', waiting, id)
      sound('HSET', held, id, string.format('%d %s', now, series))
      for _, part in ipairs({id, now - created, deadline - now, bytes}) do
        taken[#taken + 1] = part
      end
      if how == ALONE then
        redis.call('HSET', suspicion_of(series), 'by', worker, 'with', id)
        redis.call('SET', alone, '', 'PX', KEPT_LINE)
        stop = true
      end
    elseif not front then
      redis.call('ZREM', waiting, id)
    end
    id = not served and redis.call('LPOP', line)
  end
  if later[#later] ~= owner and redis.call('LLEN', line) > 0 then
    give_turn(kind, owner, first)
  end
end
for _, owner in ipairs(later) do
  give_turn(kind, owner, false)
end
if redis.call('ZCARD', turns) == 0 then
  redis.call('DEL', bell)
elseif sound('LLEN', bell) == 0 then
  redis.call('RPUSH', bell, 1)
end
return (#taken > 0 or not (stop or later[1])) and taken
