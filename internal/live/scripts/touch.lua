-- Tells those who watch the meeting, and if wanted those who wait, that something about the room has changed
-- that is kept elsewhere.
--
-- ARGV[3]  1 when those who wait are told
meet()
if ARGV[3] == '1' then
  redis.call('HSET', meeting, 'told', bump()) -- the message is as old as before
  ring(everybody)
end
return 1
