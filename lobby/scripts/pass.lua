-- Remembers for whom a token is made, so that whoever enters with it can be judged.
--
-- ARGV[5]  identity
-- ARGV[6]  user id, empty for a person without account
-- ARGV[7]  ms that it is remembered at least
-- ARGV[8]  1 when the rules let him in, not a host
-- ARGV[9]  1 when he has proved to be this user
-- ARGV[10] display name
--
-- Returns {"OK", what hosts have decided on him…}, or {"HELD"} when a host has sent him back to the
-- lobby: to admit him ends that, so no admission of before counts.
local id, user = ARGV[5], ARGV[6]
local whom, key = person(id, user), pass_key(ARGV[5])
if is_held(whom) then return {'HELD'} end
redis.call('HSET', key, 'user', user, 'rule', ARGV[8], 'proved', ARGV[9],
  'name', ARGV[10], 'at', string.format('%d', now), 'until', string.format('%d', now + tonumber(ARGV[7])))
redis.call('HDEL', key, 'void')
outlive(key, tonumber(ARGV[7]))
return {'OK', decided(whom)}
