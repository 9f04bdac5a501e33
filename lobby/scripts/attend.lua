-- Reads an entry for its guest, who is there for as long as he watches.
--
-- ARGV[5]  entry id
-- ARGV[6]  ms for which the guest counts as present
--
-- Returns the entry; its status is nil when there is none.
if status_of(ARGV[5]) == 'WAITING' then
  if not redis.call('ZSCORE', waiting, ARGV[5]) then -- rare: Redis has lost the list
    bump()
    ring(ARGV[5])
  end
  attend(ARGV[5], tonumber(ARGV[6]), redis.call('HGET', entry_key(ARGV[5]), 'arrival'))
end
return view(ARGV[5])
