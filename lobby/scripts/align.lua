-- Makes those who count as in the call the ones that LiveKit has listed.
--
-- ARGV[5]  version of the meeting before LiveKit was asked: had it changed since, the list may be old
-- ARGV[6…] identity, LiveKit's id of the connection, of each
if (redis.call('HGET', meeting, 'version') or '0') ~= ARGV[5] then return 0 end
local listed, differs = {}, redis.call('HLEN', inside) * 2 ~= #ARGV - 5
for i = 6, #ARGV, 2 do
  differs = differs or redis.call('HGET', inside, ARGV[i]) ~= ARGV[i + 1]
end
if not differs then return 0 end
redis.call('DEL', inside)
for i = 6, #ARGV, 2 do redis.call('HSET', inside, ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', inside, keep)
meet()
return 1
