-- A front end goes, in good order. ARGV: front end.
local front = ARGV[1]
sound('ZREM', lane .. ':fronts', front)
sound('HDEL', lane .. ':loads', front)
redis.call('DEL', lane .. ':answers:' .. front)
return 1
