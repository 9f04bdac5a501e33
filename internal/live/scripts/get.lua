-- Reads an entry for its guest. On request it also keeps a waiting guest present, and issues the pass of an admitted
-- one.
--
-- ARGV[3]  entry id
-- ARGV[4]  ms for which the guest counts as present; 0 when the guest may be away
-- ARGV[5]  ms that the pass is remembered at least; 0 to issue none
-- ARGV[6]  user id that the guest has proved to be, empty for none
--
-- Returns the entry as view does, and after it what issue returns; the status is nil when there is no entry.
local id, lease, ttl = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if lease > 0 and status_of(id) == 'WAITING' then
  if not redis.call('ZSCORE', waiting, id) then -- rare: Redis has lost the list
    bump()
    ring(id)
  end
  attend(id, lease, tonumber(redis.call('HGET', entry_key(id), 'arrival')) or now)
end
local entry = view(id)
if ttl > 0 and entry[4] == 'ADMITTED' then
  local user = entry[5] or ''
  entry[16] = issue(id, user, ttl, entry[9] and 1 or 0, user == ARGV[6] and 1 or 0, entry[2])
end
return entry
