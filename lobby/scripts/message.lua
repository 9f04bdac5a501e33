-- Sets what those who wait are told; nothing when empty.
--
-- ARGV[5]  message
if ARGV[5] == '' then
  redis.call('HDEL', meeting, 'message')
else
  redis.call('HSET', meeting, 'message', ARGV[5])
end
redis.call('HSET', meeting, 'message_version', bump())
redis.call('PEXPIRE', meeting, keep)
ring(everybody)
return 1
