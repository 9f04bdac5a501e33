-- Ends the meeting: everybody who waits or was admitted is told, and has to ask again.
--
-- ARGV[5]  ms that the news is kept
local ids = redis.call('ZRANGE', waiting, 0, -1)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', admitted, now, '+inf')) do ids[#ids + 1] = id end
for _, id in ipairs(ids) do
  if status_of(id) then move(id, 'ENDED', tonumber(ARGV[5])) end
end
redis.call('DEL', waiting, present, admitted)
bump()
redis.call('PEXPIRE', version, ARGV[5])
ring('00000000-0000-0000-0000-000000000000') -- hosts hear even when nobody waits
return #ids
