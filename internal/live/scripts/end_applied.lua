-- Notes that the database has followed the end of a meeting, unless another meeting has ended since.
--
-- ARGV[3]  when the meeting ended (ms)
if redis.call('HGET', meeting, 'closing') == ARGV[3] then redis.call('HDEL', meeting, 'closing') end
return 1
