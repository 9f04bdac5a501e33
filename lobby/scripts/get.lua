-- Reads an entry for its guest.
--
-- ARGV[5]  entry id
--
-- Returns the entry; its status is nil when there is none.
return view(ARGV[5])
