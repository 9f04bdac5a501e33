-- Counts a participant who has joined the meeting.
--
-- ARGV[3]  identity
-- ARGV[4]  LiveKit's id of the connection
-- ARGV[5]  start of the connection (ms)
--
-- Events may come in any order: a connection that is known to have ended does not count, nor one that a later one has
-- replaced.
if redis.call('ZSCORE', ended, ARGV[4]) then return 0 end
keep_in(ARGV[3])
local sid, since = connection(ARGV[3])
if sid == ARGV[4] or sid and since > tonumber(ARGV[5]) then return 0 end
count_in(ARGV[3], ARGV[4], ARGV[5])
meet()
return 1
