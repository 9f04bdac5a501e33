-- Says that an egress records the call, or that it has ended: news may come in any order.
--
-- ARGV[5]  the egress's id
-- ARGV[6]  1 when it records
-- ARGV[7]  1 when it has ended
-- ARGV[8]  ms that its end is remembered
if redis.call('ZSCORE', ended, ARGV[5]) then return 0 end
if ARGV[7] == '1' then
  redis.call('ZADD', ended, now, ARGV[5])
  redis.call('PEXPIRE', ended, ARGV[8])
end
local changed
if ARGV[6] == '1' then
  changed = redis.call('ZADD', recorders, 'NX', now, ARGV[5])
else
  changed = redis.call('ZREM', recorders, ARGV[5])
end
if changed == 1 then
  redis.call('PEXPIRE', recorders, keep)
  meet()
end
return changed
