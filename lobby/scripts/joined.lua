-- Counts somebody who has joined the call.
--
-- ARGV[5]  identity
-- ARGV[6]  LiveKit's id of the connection
-- ARGV[7]  since when it is (ms)
--
-- News may come in any order: a connection that is known to have ended does not count, nor one that a
-- later one has replaced.
if redis.call('ZSCORE', ended, ARGV[6]) then return 0 end
keep_in(ARGV[5])
local sid, since = connection(ARGV[5])
if sid == ARGV[6] or sid and since > tonumber(ARGV[7]) then return 0 end
count_in(ARGV[5], ARGV[6], ARGV[7])
redis.call('HDEL', meeting, 'over')
meet()
return 1
