-- Moves entries out of WAITING, each once: an entry that was decided before stays as it is.
--
-- ARGV[3]   status to move to: ADMITTED, DENIED or LEFT
-- ARGV[4]   ms that the decision is valid; for DENIED, ms until the guest may ask again
-- ARGV[5]   1 when the rules admit, not a host: leaves out guests whom a host has returned to the lobby
-- ARGV[6…]  ids of entries; none for all that wait
--
-- Returns for each {entry, ms that its guest has waited}, as it is afterwards. The status of an unknown entry is nil,
-- and the time of an entry that was not moved is -1.
local to, ttl = ARGV[3], tonumber(ARGV[4])
local ids = {}
for i = 6, #ARGV do ids[#ids + 1] = ARGV[i] end
if #ids == 0 then ids = redis.call('ZRANGE', waiting, 0, -1) end
local entries = {}
for _, id in ipairs(ids) do
  local user = of_entry(id, 'user')
  local by_rule, waited = ARGV[5] == '1', -1
  if status_of(id) == 'WAITING' and not (by_rule and is_held(id, user)) then
    waited = math.max(0, now - (tonumber(of_entry(id, 'since')) or now))
    if to == 'ADMITTED' then admit(id, user, ttl, by_rule) else finish(id, to, ttl) end
    if to == 'DENIED' and user and user ~= '' then redis.call('SET', denied_key(user), 1, 'PX', ttl) end
  end
  entries[#entries + 1] = {read(id), waited}
end
return entries
