-- What all scripts of the queue share. KEYS[1] is a lane; every other key is made of it, and lies on the same node.
local lane = KEYS[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Milliseconds that a job outlives its deadline, a line its jobs, answers their making, and a suspicion what gave rise to it.
local KEPT_JOB, KEPT_LINE, KEPT_ANSWERS, KEPT_SUSPICION = 10000, 600000, 60000, 600000
-- How jobs of a series may be handed out: like any other, alone, not before one that is tried is back, or never more.
local FREE, ALONE, LATER, NEVER = 1, 2, 3, 4

-- With memory at its limit Redis refuses a script its first write, if that may grow, and none after it. Only a new job is to
-- be refused: whatever gives, ends or tells goes on, and begins with a write that only takes away.
local function whatever_memory_says()
  redis.call('DEL', lane .. ':nothing')
end

local function key_of(id)
  return lane .. ':job:' .. id
end

local function line_of(kind, owner)
  return lane .. ':line:' .. kind .. ':' .. owner
end

-- Somebody may have put anything there: what is not of its kind is thrown away, and disturbs nobody.
local function sound(command, key, ...)
  local answer = redis.pcall(command, key, ...)
  if type(answer) == 'table' and answer.err then
    redis.call('DEL', key)
    return redis.call(command, key, ...)
  end
  return answer
end

local function outlives(key, milliseconds)
  if redis.call('PTTL', key) < milliseconds then
    redis.call('PEXPIRE', key, milliseconds)
  end
end

-- Give an owner a turn, if there is none: after the others, or before them.
local function give_turn(kind, owner, first)
  local turns = lane .. ':turns:' .. kind
  if not sound('ZSCORE', turns, owner) then
    local edge = redis.call('ZRANGE', turns, first and 0 or -1, first and 0 or -1, 'WITHSCORES')
    redis.call('ZADD', turns, (edge[2] or 0) + (first and -1 or 1), owner)
  end
  return turns
end

-- To the end of its owner's line, or to the head of it.
local function line_up(kind, id, owner, created, left, first)
  local line, waiting, bell = line_of(kind, owner), lane .. ':waiting:' .. kind, lane .. ':bell:' .. kind
  sound(first and 'LPUSH' or 'RPUSH', line, id)
  local turns = give_turn(kind, owner, first)
  sound('ZADD', waiting, created, id)
  if sound('LLEN', bell) == 0 then
    redis.call('RPUSH', bell, 1)
  end
  for _, key in ipairs({line, turns, waiting, bell}) do
    outlives(key, left + KEPT_LINE)
  end
end

-- Take a job that waits out of its line.
local function step_out(kind, id, owner)
  local line = line_of(kind, owner)
  sound('LREM', line, 1, id)
  if redis.call('LLEN', line) == 0 then
    sound('ZREM', lane .. ':turns:' .. kind, owner)
  end
end

-- An answer to a front end, which is let go if it does not read.
local function answer(front, ...)
  local answers = lane .. ':answers:' .. front
  sound('XADD', answers, '*', ...)
  redis.call('PEXPIRE', answers, KEPT_ANSWERS)
end

-- A job that its worker will not paint, to the head of its line.
local function put_back(id)
  local owner, kind, created, deadline = unpack(sound('HMGET', key_of(id), 'o', 'k', 'c', 'd'))
  if owner then
    line_up(kind, id, owner, created, math.max(0, deadline - now), true)
  end
end

-- What is held against jobs of a series, if anything is: failures `n`, the `last` worker that failed, how many are `left` to be
-- painted alone, which one is, `by` whom and `with` what id, and whether there is to be `never` another.
local function suspicion_of(series)
  return lane .. ':suspicion:' .. series
end

-- Whether this job is in this worker's hands alone, to see whether the worker lives.
local function tried(series, worker, id)
  local by, with = unpack(sound('HMGET', suspicion_of(series), 'by', 'with'))
  return by == worker and with == id
end

-- How jobs of this series may be handed out.
local function standing(series)
  local left, by, with, never = unpack(sound('HMGET', suspicion_of(series), 'left', 'by', 'with', 'never'))
  if never then
    redis.call('PEXPIRE', suspicion_of(series), KEPT_SUSPICION)
    return NEVER
  end
  if not left or tonumber(left) <= 0 then
    return FREE
  end
  return by and sound('HEXISTS', lane .. ':held:' .. by, with) == 1 and LATER or ALONE
end

-- A worker failed with this job in its hands. It may have been another's fault: only a job that was there alone, after an
-- earlier failure, is set aside, and its series with it. Until as many of the series as `left` says were painted alone, none is
-- painted with others; after each failure they are more.
local function failed(series, worker, id)
  local suspicion, job = suspicion_of(series), key_of(id)
  local guilty = tried(series, worker, id)
  if guilty then
    redis.call('HSET', suspicion, 'never', 1)
  elseif redis.call('HGET', suspicion, 'last') ~= worker then
    local failures = redis.call('HINCRBY', suspicion, 'n', 1)
    redis.call('HSET', suspicion, 'last', worker, 'left', 4 ^ (math.min(failures, 4) - 1))
  end
  redis.call('PEXPIRE', suspicion, KEPT_SUSPICION)
  if not guilty then
    put_back(id)
    return
  end
  local front = sound('HGET', job, 'f')
  if redis.call('DEL', job) == 1 and front then
    answer(front, 'i', id, 'v', 'set_aside')
  end
end
