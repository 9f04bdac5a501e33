-- Remembers what a host has decided on somebody, until the meeting ends.
--
-- ARGV[5]  user id or, of a person without account, the identity
-- ARGV[6…] what, value
for i = 6, #ARGV, 2 do redis.call('HSET', limits, ARGV[5] .. ':' .. ARGV[i], ARGV[i + 1]) end
redis.call('HSET', limits, ARGV[5] .. ':at', string.format('%d', now))
redis.call('PEXPIRE', limits, keep)
return 1
