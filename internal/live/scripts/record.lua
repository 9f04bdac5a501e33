-- Notes that an egress records the meeting, or that it has ended. Events may come in any order.
--
-- ARGV[3]  id of the egress
-- ARGV[4]  1 when it records
-- ARGV[5]  1 when it has ended
-- ARGV[6]  ms that its end is remembered
if redis.call('ZSCORE', ended, ARGV[3]) then return 0 end
if ARGV[5] == '1' then
  redis.call('ZADD', ended, now, ARGV[3])
  redis.call('PEXPIRE', ended, ARGV[6])
end
local changed
if ARGV[4] == '1' then
  changed = redis.call('ZADD', recorders, 'NX', now, ARGV[3])
else
  changed = redis.call('ZREM', recorders, ARGV[3])
end
if changed == 1 then
  redis.call('PEXPIRE', recorders, keep)
  meet()
end
return changed
