-- Counts exactly the participants whom LiveKit lists as inside.
--
-- ARGV[3]  version of the meeting before LiveKit was asked: if it has changed since, the list may be old
-- ARGV[4…] of each: identity, LiveKit's id of the connection, start of the connection (ms)
--
-- Returns 1 when anything has changed, else 0.
keep_meeting()
for i = 4, #ARGV, 3 do keep_in(ARGV[i]) end
if (redis.call('HGET', meeting, 'version') or '0') ~= ARGV[3] then return 0 end
local listed, differs = {}, false
for i = 4, #ARGV, 3 do
  if not redis.call('ZSCORE', ended, ARGV[i + 1]) then -- else they have left since
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
