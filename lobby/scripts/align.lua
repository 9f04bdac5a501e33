-- Makes those who count as in the call the ones that LiveKit has listed.
--
-- ARGV[5]  version of the meeting before LiveKit was asked: had it changed since, the list may be old
-- ARGV[6…] identity, LiveKit's id of the connection, of each
keep_meeting()
for i = 6, #ARGV, 2 do keep_in(ARGV[i]) end
if (redis.call('HGET', meeting, 'version') or '0') ~= ARGV[5] then return 0 end
local listed, count, differs = {}, 0, false
for i = 6, #ARGV, 2 do
  if not redis.call('ZSCORE', ended, ARGV[i + 1]) then -- else he has left since
    listed[ARGV[i]], count = ARGV[i + 1], count + 1
    differs = differs or redis.call('HGET', inside, ARGV[i]) ~= ARGV[i + 1]
  end
end
differs = differs or redis.call('HLEN', inside) ~= count
if not differs then return 0 end
redis.call('DEL', inside)
for id, connection in pairs(listed) do redis.call('HSET', inside, id, connection) end
meet()
return 1
