-- Sends somebody in the call back to the lobby, where he waits for a host, whatever the rules say.
--
-- ARGV[5]  identity
-- ARGV[6]  display name
-- ARGV[7]  colour
-- ARGV[8]  user id, empty for a person without account
-- ARGV[9]  ms for which he counts as present
-- ARGV[10] ms that the end of his other admissions is told
--
-- Returns his entry.
local id, user = ARGV[5], ARGV[8]
void(id)
redis.call('ZREM', admitted, id)
redis.call('ZADD', held, now, person(id, user))
redis.call('PEXPIRE', held, keep)
if user ~= '' then end_admissions(user, 'ENDED', ARGV[10]) end
if status_of(id) == 'WAITING' then return read(id) end
local arrival = bump()
redis.call('HSET', entry_key(id), 'name', ARGV[6], 'color', ARGV[7], 'status', 'WAITING',
  'user', user, 'since', string.format('%d', now), 'arrival', arrival, 'version', arrival)
redis.call('HDEL', entry_key(id), 'rule')
redis.call('PEXPIRE', entry_key(id), keep)
attend(id, tonumber(ARGV[9]), arrival)
ring(id)
meet()
return read(id)
