-- Counts somebody out who has left the call.
--
-- ARGV[5]  identity
-- ARGV[6]  LiveKit's id of the connection
-- ARGV[7]  ms that the end of a connection is remembered
-- ARGV[8]  ms that his pass outlives it
redis.call('ZADD', ended, now, ARGV[6])
redis.call('ZREMRANGEBYSCORE', ended, '-inf', now - tonumber(ARGV[7]))
redis.call('PEXPIRE', ended, ARGV[7])
if redis.call('HGET', inside, ARGV[5]) ~= ARGV[6] then return 0 end -- another connection of his
redis.call('HDEL', inside, ARGV[5])
redis.call('PEXPIRE', pass_key(ARGV[5]), ARGV[8])
meet()
return 1
