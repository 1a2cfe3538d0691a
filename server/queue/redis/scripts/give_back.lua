-- A job that its worker will not paint, to the head of its line. ARGV: worker, id, 1 if the job may be at fault.
local worker, id, blamed = unpack(ARGV)
whatever_memory_says()
if sound('HDEL', lane .. ':held:' .. worker, id) == 1 then
  local series = blamed == '1' and sound('HGET', key_of(id), 's')
  if series then
    failed(series, worker, id)
  else
    put_back(id)
  end
end
return 1
