-- Counts who waits, and reads nobody.
--
-- Returns {version, message, how many}.
sweep()
return {redis.call('GET', version) or bump(), redis.call('HGET', meeting, 'message') or '',
  redis.call('ZCARD', waiting)}
