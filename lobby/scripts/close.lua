-- Ends the meeting: everybody who waits or was admitted is told, and has to ask again.
--
-- ARGV[3]  ms that the news is kept
-- ARGV[4]  when it ended (ms), 0 for now: who asked, was admitted or came later, and what was decided
--          or said later, belongs to the next meeting
-- ARGV[5]  1 when a host has ended it: tokens made before open the call no longer
local at, since = tonumber(ARGV[4]), math.huge
if at > 0 and at < now then since = at else at = now end
local ids = redis.call('ZRANGE', waiting, 0, -1)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', admitted, now, '+inf')) do ids[#ids + 1] = id end
for _, id in ipairs(ids) do
  local changed = tonumber(redis.call('HGET', entry_key(id), 'version'))
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
for _, id in ipairs(redis.call('HKEYS', inside)) do
  local _, joined = connection(id)
  if not joined or joined <= since then redis.call('HDEL', inside, id) end
end
for _, field in ipairs(redis.call('HKEYS', limits)) do
  local whom = string.match(field, '^(.*):at$')
  if whom and tonumber(redis.call('HGET', limits, field)) <= since then
    redis.call('HDEL', limits, field, whom .. ':name', whom .. ':sources', whom .. ':data',
      whom .. ':subscribe')
  end
end
local told = tonumber(redis.call('HGET', meeting, 'message_version'))
if told and told <= since then redis.call('HDEL', meeting, 'message', 'message_version') end
if redis.call('HLEN', inside) == 0 then
  redis.call('HSET', meeting, 'over', string.format('%d', at))
end
if ARGV[5] == '1' then redis.call('HSET', meeting, 'revoked', string.format('%d', now)) end
bump()
meet()
ring(everybody) -- also hosts of a room for which nobody waits
return #ids
