-- Puts a guest on the waiting list, or keeps him there. Whoever has been admitted or denied stays so.
--
-- ARGV[5]   entry id
-- ARGV[6]   display name
-- ARGV[7]   colour
-- ARGV[8]   user id, empty for a person without account
-- ARGV[9]   ms for which the guest counts as present
-- ARGV[10]  how many may wait, 0 for any number
-- ARGV[11]  arrival and
-- ARGV[12]  since (ms) of a guest who stood in the list before Redis forgot him, else 0
--
-- Returns {"OK", entry}, {"FULL"}, or {"DENIED", ms until this user may ask again}.
local id, user, lease = ARGV[5], ARGV[8], tonumber(ARGV[9])
sweep()
local status = status_of(id)
if status == 'WAITING' then
  attend(id, lease, redis.call('HGET', entry_key(id), 'arrival'))
elseif not status or status == 'LEFT' or status == 'ENDED' then
  local arrival, since = ARGV[11], ARGV[12]
  local returns = arrival ~= '0'
  if not returns then
    local denied = user ~= '' and redis.call('PTTL', denied_key(user)) or 0
    if denied > 0 then return {'DENIED', denied} end
    local capacity = tonumber(ARGV[10])
    if capacity > 0 and redis.call('ZCARD', waiting) >= capacity then return {'FULL'} end
  end
  local v = bump()
  if not returns then arrival, since = v, string.format('%d', now) end
  redis.call('HSET', entry_key(id), 'name', ARGV[6], 'color', ARGV[7], 'status', 'WAITING',
    'user', user, 'since', since, 'arrival', arrival, 'version', v)
  redis.call('PEXPIRE', entry_key(id), keep)
  attend(id, lease, arrival)
  ring(id)
end
return {'OK', view(id)}
