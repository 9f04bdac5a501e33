-- Counts somebody who has joined the call.
--
-- ARGV[5]  identity
-- ARGV[6]  LiveKit's id of the connection
--
-- A connection that is known to have ended does not count: news may come in any order.
if redis.call('ZSCORE', ended, ARGV[6]) then return 0 end
keep_in(ARGV[5])
if redis.call('HGET', inside, ARGV[5]) == ARGV[6] then return 0 end
redis.call('HSET', inside, ARGV[5], ARGV[6])
redis.call('HDEL', meeting, 'over')
meet()
return 1
