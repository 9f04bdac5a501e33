-- Counts somebody out who has left the call.
--
-- ARGV[5]  identity
-- ARGV[6]  LiveKit's id of the connection
-- ARGV[7]  ms that the end of a connection is remembered
-- ARGV[8]  ms that his pass outlives it at least
-- ARGV[9]  ms that his admission outlives it
redis.call('ZADD', ended, now, ARGV[6])
redis.call('ZREMRANGEBYSCORE', ended, '-inf', now - tonumber(ARGV[7]))
redis.call('PEXPIRE', ended, ARGV[7])
if connection(ARGV[5]) ~= ARGV[6] then return 0 end -- another connection of his
redis.call('HDEL', inside, ARGV[5])
local token_ends = tonumber(redis.call('HGET', pass_key(ARGV[5]), 'until') or 0)
redis.call('PEXPIRE', pass_key(ARGV[5]), math.max(tonumber(ARGV[8]), token_ends - now))
if status_of(ARGV[5]) == 'ADMITTED' then admit_for(ARGV[5], tonumber(ARGV[9])) end
meet()
return 1
