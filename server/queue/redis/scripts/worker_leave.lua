-- A worker goes, in good order. ARGV: worker.
local worker = ARGV[1]
whatever_memory_says()
local held = lane .. ':held:' .. worker
for _, id in ipairs(sound('HKEYS', held)) do
  put_back(id)
end
redis.call('DEL', held, lane .. ':alone:' .. worker)
sound('ZREM', lane .. ':workers', worker)
sound('HDEL', lane .. ':said', worker)
return 1
