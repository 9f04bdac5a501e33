-- Ends a person's right to be in the meeting: the pass, and the admission or request. A user's other admissions, by
-- which they may join on another device, end too.
--
-- ARGV[3]  identity
-- ARGV[4]  user id, empty for a person without an account
-- ARGV[5]  ms until they may ask again
local id, user, ttl = ARGV[3], ARGV[4], tonumber(ARGV[5])
void(id)
redis.call('ZREM', admitted, id)
local status = status_of(id)
if status == 'WAITING' or status == 'ADMITTED' then deny(id, ttl) end
if user ~= '' then
  redis.call('SET', denied_key(user), 1, 'PX', ttl)
  end_admissions(user, 'DENIED', ttl)
end
meet()
return 1
