-- A job that its worker will not paint, to the head of its line. ARGV: worker, id, 1 if the job may be at fault.
local worker, id, blamed = unpack(ARGV)
whatever_memory_says()
if sound('HDEL', lane .. ':held:' .. worker, id) == 1 then
  put_back(id, blamed == '1')
end
return 1
