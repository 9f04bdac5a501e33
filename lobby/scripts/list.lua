-- Returns {version, message, how many, entries}: everybody who waits, in the order of arrival. All entries are
-- one text, which Redis and its client make and read in far less time than as many texts, or nine values of
-- each: before an entry stands how many bytes it has; its values are those that read returns, with a line end
-- after each, but the name last.
sweep()
local ids, packed = redis.call('ZRANGE', waiting, 0, -1), {}
for i, id in ipairs(ids) do
  local values = redis.call('HMGET', entry_key(id),
    'color', 'status', 'user', 'since', 'arrival', 'version', 'rule', 'name')
  for j = 1, 8 do values[j] = values[j] or '' end
  local entry = id .. '\n' .. table.concat(values, '\n', 1, 8)
  packed[i] = #entry .. '\n' .. entry
end
return {redis.call('GET', version) or bump(), redis.call('HGET', meeting, 'message') or '',
  #ids, table.concat(packed)}
