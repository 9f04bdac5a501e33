-- Brings back a host's admission that Redis has lost. Redis knows the entry as it was before, WAITING, or not at all.
-- Later changes of the entry stay.
--
-- ARGV[3]  entry id
-- ARGV[4]  when a host has admitted it (ms)
-- ARGV[5]  ms that the admission is valid
-- ARGV[6]  1 when the guest's account is known, which an entry that Redis does not know requires
-- ARGV[7]  user id, empty for a person without an account
-- ARGV[8]  display name
-- ARGV[9]  colour
--
-- Returns 1 when the admission is valid again, else 0.
local id, at = ARGV[3], tonumber(ARGV[4])
local status, user = status_of(id), of_entry(id, 'user')
if status then
  if status ~= 'WAITING' or (tonumber(of_entry(id, 'version')) or math.huge) > at then return 0 end
else
  if ARGV[6] ~= '1' or redis.call('EXISTS', entry_key(id)) == 1 then return 0 end
  if redis.call('HEXISTS', pass_key(id), 'void') == 1 then return 0 end
  user = ARGV[7]
end
for _, one in ipairs({id, person(id, user)}) do
  if (tonumber(redis.call('ZSCORE', held, one) or 0)) >= at then return 0 end
end
if user and user ~= '' and redis.call('EXISTS', denied_key(user)) == 1 then return 0 end
if (tonumber(redis.call('HGET', meeting, 'revoked') or 0) or now) >= at then return 0 end
if not status then
  redis.call('HSET', entry_key(id), 'name', ARGV[8], 'color', ARGV[9], 'user', user,
    'since', ARGV[4], 'arrival', ARGV[4])
end
admit(id, user, tonumber(ARGV[5]), false)
return 1
