-- Reads what happens in the room.
--
-- Returns {version of the meeting, of the lobby, how many are in the call, wait, and record; when the
-- last meeting ended (ms), 0 while one is on or none is known}.
sweep()
if redis.call('HEXISTS', meeting, 'version') == 0 then meet() end
return {redis.call('HGET', meeting, 'version'), redis.call('GET', version) or bump(),
  redis.call('HLEN', inside), redis.call('ZCARD', waiting), redis.call('ZCARD', recorders),
  redis.call('HGET', meeting, 'over') or '0'}
