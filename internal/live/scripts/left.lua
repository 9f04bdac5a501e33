-- Counts a participant out who has left the meeting.
--
-- ARGV[3]  identity
-- ARGV[4]  LiveKit's id of the connection
-- ARGV[5]  ms that the end of a connection is remembered
-- ARGV[6]  ms that the pass outlives it at least
-- ARGV[7]  ms that the admission outlives it
redis.call('ZADD', ended, now, ARGV[4])
redis.call('ZREMRANGEBYSCORE', ended, '-inf', now - tonumber(ARGV[5]))
redis.call('PEXPIRE', ended, ARGV[5])
if connection(ARGV[3]) ~= ARGV[4] then return 0 end -- they are inside by another connection
redis.call('HDEL', inside, ARGV[3])
counted_out()
local token_ends = tonumber(redis.call('HGET', pass_key(ARGV[3]), 'until') or 0)
redis.call('PEXPIRE', pass_key(ARGV[3]), math.max(tonumber(ARGV[6]), token_ends - now))
if status_of(ARGV[3]) == 'ADMITTED' then admit_for(ARGV[3], tonumber(ARGV[7])) end
meet()
return 1
