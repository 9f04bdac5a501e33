-- Reads an entry for its guest, who is there for as long as he watches.
--
-- ARGV[3]  entry id
-- ARGV[4]  ms for which the guest counts as present
--
-- Returns the entry; its status is nil when there is none.
if status_of(ARGV[3]) == 'WAITING' then
  if not redis.call('ZSCORE', waiting, ARGV[3]) then -- rare: Redis has lost the list
    bump()
    ring(ARGV[3])
  end
  attend(ARGV[3], tonumber(ARGV[4]), tonumber(redis.call('HGET', entry_key(ARGV[3]), 'arrival')) or now)
end
return view(ARGV[3])
