-- A front end's sign of life, and a look around. ARGV: front end, where all lanes are listed, its live jobs, their owners, then
-- its jobs as kind and id. Gives: where each job is (0 nowhere, 1 waits, 2 in a worker's hands); workers as id, silence and
-- status; live jobs and owners of other front ends; of live frames and stills how long the oldest has waited, -1 for none;
-- and lanes in which workers were heard of lately.
local front, lanes, live, owners = unpack(ARGV)
whatever_memory_says()
local workers, said, fronts, loads = lane .. ':workers', lane .. ':said', lane .. ':fronts', lane .. ':loads'
sound('ZADD', fronts, now, front)
sound('HSET', loads, front, live .. ' ' .. owners)

-- workers that fell silent: what they had is answered, or another's, and may be what ended them
for _, worker in ipairs(sound('ZRANGEBYSCORE', workers, '-inf', now - SILENT_LIVE)) do
  local held = lane .. ':held:' .. worker
  local dead = now - redis.call('ZSCORE', workers, worker) > SILENT
  local taken = sound('HGETALL', held)
  for at = 1, #taken, 2 do
    local id, series = taken[at], string.match(taken[at + 1], '^%d+ (.*)$') or id
    local kind, asker = unpack(sound('HMGET', key_of(id), 'k', 'f'))
    if kind == 'live' then
      redis.call('DEL', key_of(id))
      answer(asker, 'i', id, 'v', 'late')
    end
    -- a series is set aside for good: not before it is sure that its worker is dead
    if dead or kind == 'live' and not tried(series, worker, id) then
      redis.call('HDEL', held, id)
      failed(series, worker, id)
    end
  end
  if dead then
    redis.call('DEL', held, lane .. ':alone:' .. worker)
    redis.call('ZREM', workers, worker)
    sound('HDEL', said, worker)
  end
end
for _, other in ipairs(redis.call('ZRANGEBYSCORE', fronts, '-inf', now - FRONT_SILENT)) do
  redis.call('ZREM', fronts, other)
  redis.call('HDEL', loads, other)
end

local places = {}
for at = 5, #ARGV, 2 do
  local kind, id = ARGV[at], ARGV[at + 1]
  local place = 0
  if redis.call('EXISTS', key_of(id)) == 1 then
    place = sound('ZSCORE', lane .. ':waiting:' .. kind, id) and 1 or 2
  end
  places[#places + 1] = place
end

local present = {}
local heard = redis.call('ZRANGE', workers, 0, -1, 'WITHSCORES')
for at = 1, #heard, 2 do
  local status = sound('HGET', said, heard[at])
  if status then
    for _, part in ipairs({heard[at], now - heard[at + 1], status}) do
      present[#present + 1] = part
    end
  end
end

local others_live, others_owners = 0, 0
local all = redis.call('HGETALL', loads)
for at = 1, #all, 2 do
  local l, o = string.match(all[at + 1], '^(%d+) (%d+)$')
  if all[at] ~= front and l then
    others_live, others_owners = others_live + l, others_owners + o
  end
end

local lags = {}
for _, kind in ipairs({'live', 'still'}) do
  local waiting, lag = lane .. ':waiting:' .. kind, -1
  for _ = 1, 16 do
    local oldest = sound('ZRANGE', waiting, 0, 0, 'WITHSCORES')
    if not oldest[1] then
      break
    end
    if redis.call('EXISTS', key_of(oldest[1])) == 1 then
      lag = math.max(0, now - oldest[2])
      break
    end
    redis.call('ZREM', waiting, oldest[1])
  end
  lags[#lags + 1] = lag
end
return {places, present, others_live, others_owners, lags, sound('ZRANGEBYSCORE', lanes, now - SILENT, '+inf')}
