-- Remembers under which name somebody goes in the call.
--
-- ARGV[5]  identity
-- ARGV[6]  display name
if redis.call('EXISTS', pass_key(ARGV[5])) == 0 then return 0 end
redis.call('HSET', pass_key(ARGV[5]), 'name', ARGV[6])
return 1
