-- Makes those who count as in the call the ones that LiveKit has listed.
--
-- ARGV[3]  version of the meeting before LiveKit was asked: had it changed since, the list may be old
-- ARGV[4…] identity, LiveKit's id of the connection, since when it is (ms), of each
keep_meeting()
for i = 4, #ARGV, 3 do keep_in(ARGV[i]) end
if (redis.call('HGET', meeting, 'version') or '0') ~= ARGV[3] then return 0 end
local listed, differs = {}, false
for i = 4, #ARGV, 3 do
  if not redis.call('ZSCORE', ended, ARGV[i + 1]) then -- else he has left since
    listed[#listed + 1] = i
    differs = differs or connection(ARGV[i]) ~= ARGV[i + 1]
  end
end
differs = differs or redis.call('HLEN', inside) ~= #listed
if not differs then return 0 end
redis.call('DEL', inside)
for _, i in ipairs(listed) do count_in(ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
counted_out() -- the list differs from before, so somebody was inside
meet()
return 1
