-- Remembers the name of a participant.
--
-- ARGV[3]  identity
-- ARGV[4]  display name
if redis.call('EXISTS', pass_key(ARGV[3])) == 0 then return 0 end
redis.call('HSET', pass_key(ARGV[3]), 'name', ARGV[4])
return 1
