-- Reads an entry for its guest. If he has been admitted, his token's pass may be made with it.
--
-- ARGV[3]  entry id
-- ARGV[4]  ms that the pass is remembered at least; 0 for none
-- ARGV[5]  user id that he has proved to be, empty for none
--
-- Returns the entry, and after it what issue returns; the entry's status is nil when there is none.
local entry, ttl = view(ARGV[3]), tonumber(ARGV[4])
if ttl > 0 and entry[4] == 'ADMITTED' then
  local user = entry[5] or ''
  entry[16] = issue(ARGV[3], user, ttl, entry[9] and 1 or 0, user == ARGV[5] and 1 or 0, entry[2])
end
return entry
