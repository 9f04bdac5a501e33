-- Keeps guests present, and removes those who are gone.
--
-- ARGV[3]   ms for which these guests count as present
-- ARGV[4…]  at most 1000 ids of entries that are believed to wait
--
-- Returns {version of the lobby, version of the meeting, id…}: the ids of those that do not wait, or that Redis has
-- lost.
local found, present_ones, keys = {}, {}, {}
if ARGV[4] then
  local ids = {unpack(ARGV, 4)}
  local arrivals = redis.call('ZMSCORE', waiting, unpack(ids))
  for i, id in ipairs(ids) do
    if arrivals[i] then
      present_ones[#present_ones + 1] = now + tonumber(ARGV[3])
      present_ones[#present_ones + 1] = id
      keys[#keys + 1] = entry_key(id)
    else
      found[#found + 1] = id
    end
  end
  if keys[1] and redis.call('EXISTS', unpack(keys)) < #keys then -- rare: Redis has lost some
    for i = #keys, 1, -1 do
      local id = present_ones[2 * i]
      if redis.call('EXISTS', keys[i]) == 0 then
        unlist(id)
        found[#found + 1] = id
        table.remove(present_ones, 2 * i)
        table.remove(present_ones, 2 * i - 1)
      end
    end
  end
  if present_ones[1] then redis.call('ZADD', present, unpack(present_ones)) end
end
sweep()
return {redis.call('GET', version) or '0', redis.call('HGET', meeting, 'version') or '0',
  unpack(found)}
