-- Reads an entry for its guest.
--
-- ARGV[3]  entry id
--
-- Returns the entry; its status is nil when there is none.
return view(ARGV[3])
