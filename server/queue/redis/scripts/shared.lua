-- What all scripts of the queue share. KEYS[1] is a lane; every other key is made of it, and lies on the same node.
local lane = KEYS[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Milliseconds that a job outlives its deadline, a line its jobs, and answers their making.
local KEPT_JOB, KEPT_LINE, KEPT_ANSWERS = 10000, 600000, 60000

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

-- A job that its worker will not paint: to the head of its line, or set aside if too many workers failed with it.
local function put_back(id, blame)
  local job = key_of(id)
  local known = sound('HMGET', job, 'o', 'k', 'f', 'c', 'd')
  local owner, kind, front, created, deadline = unpack(known)
  if not owner then
    return
  end
  if blame and redis.call('HINCRBY', job, 'n', 1) >= MOST_BLAMES then
    redis.call('DEL', job)
    answer(front, 'i', id, 'v', 'set_aside')
    return
  end
  line_up(kind, id, owner, created, math.max(0, deadline - now), true)
end
