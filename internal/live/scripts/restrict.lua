-- Remembers what a host has decided on a person, until the meeting ends.
--
-- ARGV[3]  user id or, for a person without an account, identity
-- ARGV[4…] field, value
for i = 4, #ARGV, 2 do redis.call('HSET', limits, ARGV[3] .. ':' .. ARGV[i], ARGV[i + 1]) end
redis.call('HSET', limits, ARGV[3] .. ':at', string.format('%d', now))
redis.call('PEXPIRE', limits, keep)
return 1
