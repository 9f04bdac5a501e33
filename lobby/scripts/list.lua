-- Returns {version, message, entry…}: everybody who waits, in the order of arrival.
sweep()
local list = {redis.call('GET', version) or bump(), redis.call('HGET', meeting, 'message') or ''}
for _, id in ipairs(redis.call('ZRANGE', waiting, 0, -1)) do
  list[#list + 1] = read(id)
end
return list
