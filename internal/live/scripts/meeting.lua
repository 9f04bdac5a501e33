-- Reads what happens in the room.
--
-- Returns {version of the meeting, version of the lobby, how many are inside, how many wait, how many egresses record;
-- when the last meeting ended (ms), 0 while one is on or none is known; 1 while one is on; when the last one ended (ms)
-- if the database has not followed yet, else 0}.
sweep()
if redis.call('HEXISTS', meeting, 'version') == 0 then meet() end
return {redis.call('HGET', meeting, 'version'), redis.call('GET', version) or bump(),
  redis.call('HLEN', inside), redis.call('ZCARD', waiting), redis.call('ZCARD', recorders),
  redis.call('HGET', meeting, 'over') or '0',
  (redis.call('HLEN', inside) > 0 or redis.call('HEXISTS', meeting, 'empty') == 1) and 1 or 0,
  redis.call('HGET', meeting, 'closing') or '0'}
