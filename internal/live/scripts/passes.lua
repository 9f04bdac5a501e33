-- Reads the passes of people in the meeting.
--
-- ARGV[3…]  identities
--
-- Returns for each {user, rule, proved, valid, status of the entry, rule of the entry, held, restrictions, name}. Valid
-- is nil when there is no pass. An entry that a host has admitted counts as a pass when the pass is lost: the entry
-- ends when the meeting does, or when a host removes its guest.
local revoked = tonumber(redis.call('HGET', meeting, 'revoked') or 0) or 0
local all = {}
for i = 3, #ARGV do
  local id = ARGV[i]
  local pass = redis.pcall('HMGET', pass_key(id), 'user', 'rule', 'proved', 'at', 'name', 'void')
  local entry = redis.pcall('HMGET', entry_key(id), 'status', 'rule', 'user', 'name')
  if pass.err then pass = {'DAMAGED', '0', '0', 0, ''} end -- not a hash; others are not concerned
  if entry.err then entry = {} end
  if not pass[4] and entry[1] == 'ADMITTED' and not entry[2] then
    pass = {entry[3], '0', '0', now, entry[4]}
  end
  local whom, valid = person(id, pass[1]), false
  if pass[4] then valid = (tonumber(pass[4]) or 0) > revoked and not pass[6] and 1 or 0 end
  all[#all + 1] = {pass[1], pass[2], pass[3], valid,
    entry[1] or '', entry[2] or '', is_held(id, pass[1]) and 1 or 0, restrictions(whom), pass[5]}
end
return all
