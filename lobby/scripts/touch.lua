-- Tells those who watch the meeting that something about it has changed that is kept elsewhere.
meet()
return 1
