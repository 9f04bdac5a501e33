-- Remembers what a host has decided on somebody, until the meeting ends.
--
-- ARGV[3]  user id or, of a person without account, the identity
-- ARGV[4…] what, value
for i = 4, #ARGV, 2 do redis.call('HSET', limits, ARGV[3] .. ':' .. ARGV[i], ARGV[i + 1]) end
redis.call('HSET', limits, ARGV[3] .. ':at', string.format('%d', now))
redis.call('PEXPIRE', limits, keep)
return 1
