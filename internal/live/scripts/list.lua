-- Reads everybody who waits, in the order of arrival.
--
-- ARGV[3]  which list the caller has read before; empty for none
--
-- Returns {version, message, which list it is, how many, entries}; without the last two when it is the one that
-- the caller has. All entries are one text, which Redis and its client make and read in far less time than as
-- many texts, or nine values of each: before an entry stands how many bytes it has; its values are those that
-- read returns, with a line end after each, but the name last.
sweep()
local ids, packed, keys = redis.call('ZRANGE', waiting, 0, -1), {}, {}
local version, message = redis.call('GET', version) or bump(), redis.call('HGET', meeting, 'message') or ''
-- What an entry holds changes with the version alone. Redis may have lost entries all the same.
local list = version .. ' ' .. redis.sha1hex(table.concat(ids))
if list == ARGV[3] and #ids <= 200 then
  for i, id in ipairs(ids) do keys[i] = entry_key(id) end
  if #ids == 0 or redis.call('EXISTS', unpack(keys)) == #ids then return {version, message, list} end
end
for i, id in ipairs(ids) do
  local values = redis.pcall('HMGET', entry_key(id),
    'color', 'status', 'user', 'since', 'arrival', 'version', 'rule', 'name')
  if values.err then values = {'', 'DAMAGED'} end -- it is no hash
  for j = 1, 8 do values[j] = values[j] or '' end
  local entry = id .. '\n' .. table.concat(values, '\n', 1, 8)
  packed[i] = #entry .. '\n' .. entry
end
return {version, message, list, #ids, table.concat(packed)}
