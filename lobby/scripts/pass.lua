-- Remembers for whom a token is made, so that whoever enters with it can be judged.
--
-- ARGV[3]  identity
-- ARGV[4]  user id, empty for a person without account
-- ARGV[5]  ms that it is remembered at least
-- ARGV[6]  1 when the rules let him in, not a host
-- ARGV[7]  1 when he has proved to be this user
-- ARGV[8] display name
--
-- Returns {"OK", what hosts have decided on him…}, or {"HELD"} when a host has sent him back to the
-- lobby: to admit him ends that, so no admission of before counts.
local id, user = ARGV[3], ARGV[4]
local whom, key = person(id, user), pass_key(ARGV[3])
if is_held(whom) then return {'HELD'} end
redis.call('HSET', key, 'user', user, 'rule', ARGV[6], 'proved', ARGV[7],
  'name', ARGV[8], 'at', string.format('%d', now), 'until', string.format('%d', now + tonumber(ARGV[5])))
redis.call('HDEL', key, 'void')
outlive(key, tonumber(ARGV[5]))
return {'OK', decided(whom)}
