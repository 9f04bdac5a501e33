-- Wakes the watchers of the meeting and, on request, waiting guests: something about the room has changed that is
-- stored elsewhere.
--
-- ARGV[3]  1 to wake waiting guests too
meet()
if ARGV[3] == '1' then
  redis.call('HSET', meeting, 'told', bump()) -- the message itself has not changed
  ring(everybody)
end
return 1
