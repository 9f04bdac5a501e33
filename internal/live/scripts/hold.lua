-- Returns a person from the meeting to the lobby, where they wait for a host, whatever the rules say.
--
-- ARGV[3]  identity
-- ARGV[4]  display name
-- ARGV[5]  colour
-- ARGV[6]  user id, empty for a person without an account
-- ARGV[7]  ms for which they count as present
-- ARGV[8]  ms that the end of their other admissions is kept
--
-- Returns their entry.
local id, user = ARGV[3], ARGV[6]
void(id)
redis.call('ZREM', admitted, id)
redis.call('ZADD', held, now, person(id, user))
redis.call('PEXPIRE', held, keep)
if user ~= '' then end_admissions(user, 'ENDED', ARGV[8]) end
if status_of(id) == 'WAITING' then return read(id) end
local arrival = bump()
redis.call('HSET', entry_key(id), 'name', ARGV[4], 'color', ARGV[5], 'status', 'WAITING',
  'user', user, 'since', string.format('%d', now), 'arrival', arrival, 'version', arrival)
redis.call('HDEL', entry_key(id), 'rule')
redis.call('PEXPIRE', entry_key(id), keep)
attend(id, tonumber(ARGV[7]), arrival)
ring(id)
meet()
return read(id)
