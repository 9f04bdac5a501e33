-- Issues a pass, as the function issue does.
--
-- ARGV[3]  identity
-- ARGV[4]  user id, empty for a person without an account
-- ARGV[5]  ms that it is remembered at least
-- ARGV[6]  1 when the rules have admitted them, not a host
-- ARGV[7]  1 when they have proved to be this user
-- ARGV[8]  display name
return issue(ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8])
