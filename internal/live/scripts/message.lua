-- Sets the message for waiting guests, and wakes them.
--
-- ARGV[3]  message, empty for none
if ARGV[3] == '' then
  redis.call('HDEL', meeting, 'message')
else
  redis.call('HSET', meeting, 'message', ARGV[3])
end
redis.call('HSET', meeting, 'message_version', bump())
redis.call('PEXPIRE', meeting, keep)
ring(everybody)
return 1
