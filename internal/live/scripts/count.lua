-- Counts who waits, and reads no entry.
--
-- Returns {version, message, how many wait}.
sweep()
return {redis.call('GET', version) or bump(), redis.call('HGET', meeting, 'message') or '',
  redis.call('ZCARD', waiting)}
