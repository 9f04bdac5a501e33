-- Ends the meeting: everybody who waits or was admitted learns of it, and has to ask again.
--
-- ARGV[3]  ms that the ended entries are kept
-- ARGV[4]  ms for which nobody must have been inside. The meeting has then ended when the last person left; guests who
--          asked or were admitted later, and what was decided or said later, belong to the next meeting. Empty when a
--          host ends the meeting: it ends now, and passes issued before are void
--
-- Returns when the meeting ended (ms), 0 when it has not.
local grace, at, since = tonumber(ARGV[4]), now, math.huge
if grace then
  local empty = tonumber(redis.call('HGET', meeting, 'empty'))
  if not empty or redis.call('HLEN', inside) > 0 or now - empty < grace then return 0 end
  at, since = empty, empty
end
local ids = redis.call('ZRANGE', waiting, 0, -1)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', admitted, now, '+inf')) do ids[#ids + 1] = id end
for _, id in ipairs(ids) do
  local changed = tonumber(of_entry(id, 'version'))
  if changed and changed <= since then
    move(id, 'ENDED', tonumber(ARGV[3]))
    redis.call('ZREM', admitted, id)
  elseif not changed then
    unlist(id)
    redis.call('ZREM', admitted, id)
  end
end
for _, key in ipairs({held, recorders}) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', since == math.huge and '+inf' or since)
end
for _, field in ipairs(redis.call('HKEYS', limits)) do
  local whom = string.match(field, '^(.*):at$')
  if whom and (tonumber(redis.call('HGET', limits, field)) or 0) <= since then
    redis.call('HDEL', limits, field, whom .. ':name', whom .. ':sources', whom .. ':data',
      whom .. ':subscribe')
  end
end
local set = tonumber(redis.call('HGET', meeting, 'message_version'))
if set and set <= since then
  redis.call('HDEL', meeting, 'message', 'message_version')
  redis.call('HSET', meeting, 'told', bump()) -- guests who wait for the next meeting see that it is gone
end
redis.call('DEL', inside)
redis.call('HDEL', meeting, 'empty')
redis.call('HSET', meeting, 'over', string.format('%d', at), 'closing', string.format('%d', at))
if not grace then redis.call('HSET', meeting, 'revoked', string.format('%d', now)) end
bump()
meet()
ring(everybody) -- also hosts of a room for which nobody waits
return at
