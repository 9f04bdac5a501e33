-- Says who is still there, and forgets who is not.
--
-- ARGV[5]   ms for which these guests count as present
-- ARGV[6…]  ids of entries that their guests believe to wait
--
-- Returns {version of the lobby, id…}: those of them that do not wait.
local found = {}
if ARGV[6] then
  local ids = {unpack(ARGV, 6)}
  local deadlines = {}
  for i, id in ipairs(ids) do
    deadlines[2 * i - 1], deadlines[2 * i] = now + tonumber(ARGV[5]), id
  end
  redis.call('ZADD', present, 'XX', unpack(deadlines))
  local scores = redis.call('ZMSCORE', waiting, unpack(ids))
  for i, id in ipairs(ids) do
    if not scores[i] then found[#found + 1] = id end
  end
end
sweep()
return {redis.call('GET', version) or '0', unpack(found)}
