-- Adds a guest to the waiting list, or keeps them there. An admitted entry stays admitted, and a denied one denied
-- until the guest may ask again.
--
-- ARGV[3]   entry id
-- ARGV[4]   display name
-- ARGV[5]   colour
-- ARGV[6]   user id, empty for a person without an account
-- ARGV[7]   ms for which the guest counts as present
-- ARGV[8]   how many may wait, 0 for any number
-- ARGV[9]   arrival, and
-- ARGV[10]  since (ms), of a guest who was in the list before Redis lost them; else 0
-- ARGV[11]  user or network address for whom the place counts; empty for none
-- ARGV[12]  how many places one of those may take, 0 for any number
--
-- Returns {"OK", entry}, {"FULL"}, {"CROWDED"} when all those places are taken, or {"DENIED", ms until this user may
-- ask again}.
local id, user, lease = ARGV[3], ARGV[6], tonumber(ARGV[7])
local whom, places = ARGV[11], tonumber(ARGV[12])
if whom == '' then places = 0 end
local function crowded()
  local taken = from .. whom
  if places == 0 or redis.call('ZCARD', taken) < places then return false end
  for _, other in ipairs(redis.call('ZRANGE', taken, 0, -1)) do -- rare: Redis has lost entries
    if not redis.call('ZSCORE', waiting, other) then redis.call('ZREM', taken, other) end
  end
  return redis.call('ZCARD', taken) >= places
end

sweep()
local status = status_of(id)
if status == 'WAITING' then
  attend(id, lease, tonumber(redis.call('HGET', entry_key(id), 'arrival')) or now)
elseif not status or status == 'LEFT' or status == 'ENDED' or status == 'DENIED' and wait_of(id) == 0 then
  local arrival, since = ARGV[9], ARGV[10]
  local returns = arrival ~= '0'
  if not returns then
    local denied = user ~= '' and redis.call('PTTL', denied_key(user)) or 0
    if denied > 0 then return {'DENIED', denied} end
    local capacity = tonumber(ARGV[8])
    if capacity > 0 and redis.call('ZCARD', waiting) >= capacity then return {'FULL'} end
    if crowded() then return {'CROWDED'} end
  end
  local v = bump()
  if not returns then arrival, since = v, string.format('%d', now) end
  redis.call('HSET', entry_key(id), 'name', ARGV[4], 'color', ARGV[5], 'status', 'WAITING',
    'user', user, 'since', since, 'arrival', arrival, 'version', v)
  redis.call('PEXPIRE', entry_key(id), keep)
  attend(id, lease, arrival)
  if places > 0 then
    redis.call('HSET', entry_key(id), 'from', whom)
    redis.call('ZADD', from .. whom, now, id)
    redis.call('PEXPIRE', from .. whom, keep)
  end
  ring(id)
end
return {'OK', view(id)}
