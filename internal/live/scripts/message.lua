-- Sets what those who wait are told; nothing when empty.
--
-- ARGV[3]  message
if ARGV[3] == '' then
  redis.call('HDEL', meeting, 'message')
else
  redis.call('HSET', meeting, 'message', ARGV[3])
end
redis.call('HSET', meeting, 'message_version', bump())
redis.call('PEXPIRE', meeting, keep)
ring(everybody)
return 1
