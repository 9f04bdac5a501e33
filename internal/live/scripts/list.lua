-- Reads all waiting entries, in the order of arrival.
--
-- ARGV[3]  name of the list that the caller has cached; empty for none
--
-- Returns {version, message, name of the list, how many, entries}; without the last two when the caller has that list
-- cached. All entries are one text, since Redis and its client handle that much faster than many texts. Each entry is
-- its size in bytes, a line end, and its values with line ends between them: the values that read returns, but the name
-- last.
sweep()
local ids, packed, keys = redis.call('ZRANGE', waiting, 0, -1), {}, {}
local version, message = redis.call('GET', version) or bump(), redis.call('HGET', meeting, 'message') or ''
-- Entries change only together with the version. But Redis may have lost entries.
local list = version .. ' ' .. redis.sha1hex(table.concat(ids))
if list == ARGV[3] and #ids <= 200 then
  for i, id in ipairs(ids) do keys[i] = entry_key(id) end
  if #ids == 0 or redis.call('EXISTS', unpack(keys)) == #ids then return {version, message, list} end
end
for i, id in ipairs(ids) do
  local values = redis.pcall('HMGET', entry_key(id),
    'color', 'status', 'user', 'since', 'arrival', 'version', 'rule', 'name')
  if values.err then values = {'', 'DAMAGED'} end -- not a hash
  for j = 1, 8 do values[j] = values[j] or '' end
  local entry = id .. '\n' .. table.concat(values, '\n', 1, 8)
  packed[i] = #entry .. '\n' .. entry
end
return {version, message, list, #ids, table.concat(packed)}
