-- Returns {version, message, entry…}: everybody who waits, in the order of arrival. Each entry is one text,
-- which Redis and its client make and read in less time than nine values: those that read returns, with a
-- line end after each, but the name last.
sweep()
local list = {redis.call('GET', version) or bump(), redis.call('HGET', meeting, 'message') or ''}
for i, id in ipairs(redis.call('ZRANGE', waiting, 0, -1)) do
  local values = redis.call('HMGET', entry_key(id),
    'color', 'status', 'user', 'since', 'arrival', 'version', 'rule', 'name')
  for j = 1, 8 do values[j] = values[j] or '' end
  list[i + 2] = id .. '\n' .. table.concat(values, '\n', 1, 8)
end
return list
