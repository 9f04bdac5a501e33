-- Stands in front of every script. All scripts share these:
--
-- KEYS[1]  what the names of all the room's keys begin with; none has this name itself. Its hash tag is theirs.
-- ARGV[1]  PUBLISH, or SPUBLISH on Redis Cluster; after a space, if any, the trace in which this is done
-- ARGV[2]  ms that a key outlives its last change
--
-- Scripts have their own arguments from ARGV[3] on. A time is Redis's own, so servers need not agree on one.
local room = KEYS[1]
-- Sorted sets: of waiting entries, scored by arrival (a version, so no two are equal); of the same, scored by
-- the time (ms) at which their guest counts as gone.
local waiting, present = room .. 'waiting', room .. 'present'
-- What the names begin with of sorted sets of the entries that wait and take a place of one user's or of one network
-- address's; scored by time (ms).
local from = room .. 'from:'
-- Version of the room's lobby.
local version = room .. 'version'
-- Sorted set of admitted entries, scored by the time (ms) at which the admission ends.
local admitted = room .. 'admitted'
-- The meeting: version, message for those who wait and message_version in which it was set, told (version in which
-- something else changed that those who wait are shown), revoked (ms: passes made before are
-- void), over (ms: when the last meeting ended), empty (ms: since when nobody is in the call; only while a
-- meeting is on), closing (ms: when the last meeting ended, until the database has followed).
local meeting = room .. 'meeting'
-- Who is in the call: identity to "LiveKit's id of the connection, since when (ms)".
local inside = room .. 'inside'
-- Sorted set of connections that have ended, scored by time (ms).
local ended = room .. 'ended'
-- Sorted set of people whom a host has sent back to the lobby: users, or entries of those without account;
-- scored by time (ms).
local held = room .. 'held'
-- What hosts have decided on people in the call: "person:what" to value, "person:at" to time.
local limits = room .. 'limits'
-- Sorted set of egresses that record the call, scored by time (ms).
local recorders = room .. 'recorders'
-- Channel on which changes are told.
local bell = room .. 'bell'
local meeting_watchers, everybody =
  'ffffffff-ffff-ffff-ffff-ffffffffffff', 'ffffffff-ffff-ffff-ffff-fffffffffffe'
local keep = tonumber(ARGV[2])
-- How long (ms) a denial is remembered at least: much longer than a server may be cut off from Redis. Its guest, who
-- watches there, is told of it afterwards.
local outcome = math.min(keep, 60 * 60 * 1000)
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function entry_key(id) return room .. 'entry:' .. id end
local function denied_key(user) return room .. 'denied:' .. user end
local function pass_key(id) return room .. 'pass:' .. id end

-- A field of an entry; false where there is none. One damaged entry must not fail what is done to many.
local function of_entry(id, field)
  local value = redis.pcall('HGET', entry_key(id), field)
  return type(value) == 'string' and value
end
local function status_of(id) return of_entry(id, 'status') end

-- An entry as every script returns it.
local function read(id)
  local values = redis.pcall('HMGET', entry_key(id),
    'name', 'color', 'status', 'user', 'since', 'arrival', 'version', 'rule')
  if values.err then values = {'', '', 'DAMAGED', '', '', '', '', ''} end -- it is no hash
  return {id, unpack(values)}
end

-- For how many ms a denied guest may not ask again.
local function wait_of(id)
  local ends = tonumber(of_entry(id, 'retry'))
  if ends then return math.max(0, ends - now) end
  return redis.call('PTTL', entry_key(id)) -- an earlier version has denied
end

-- Under what a host's decision on somebody is kept.
local function person(id, user)
  if user and user ~= '' then return user end
  return id
end

-- Ends what somebody's tokens were made for. That he had one is remembered.
local function void(id)
  if redis.call('EXISTS', pass_key(id)) == 1 then redis.call('HSET', pass_key(id), 'void', 1) end
end

-- Reports whether a host has sent somebody back to the lobby: an account or, where the account was not known, an
-- entry.
local function is_held(id, user)
  return redis.call('ZSCORE', held, id) ~= false
    or user ~= nil and user ~= false and user ~= '' and redis.call('ZSCORE', held, user) ~= false
end

-- How a host has taken a guest out of the call, while that is why the guest is not in it: RETURNED to the lobby,
-- or REMOVED; false when no host has.
local function removal(id, status, user)
  if status == 'WAITING' then return is_held(id, user) and 'RETURNED' end
  if status and status ~= 'DENIED' then return false end
  return redis.call('HEXISTS', pass_key(id), 'void') == 1 and 'REMOVED'
end

-- An entry as its guest sees it: also the message for the guest, the version of all that those who wait are shown
-- beside their entries, the guest's place, the list's version, for how
-- many ms a denied guest may not ask again (else 0), and how a host has taken the guest out of the call.
local function view(id)
  local entry = read(id)
  local shown = redis.call('HMGET', meeting, 'message', 'message_version', 'told')
  entry[10] = shown[1]
  entry[11] = string.format('%d', math.max(tonumber(shown[2] or 0), tonumber(shown[3] or 0)))
  entry[12] = redis.call('ZRANK', waiting, id)
  entry[13] = redis.call('GET', version)
  entry[14] = entry[4] == 'DENIED' and wait_of(id) or 0
  entry[15] = removal(id, entry[4], entry[5]) or ''
  return entry
end

-- The connection by which somebody is in the call, and since when; nil when he is not there.
local function connection(id)
  local sid, since = string.match(redis.call('HGET', inside, id) or '', '^(%S+) (-?%d+)$')
  return sid, tonumber(since)
end

-- Counts a person in: a meeting is on.
local function count_in(id, sid, since)
  redis.call('HSET', inside, id, sid .. ' ' .. since)
  redis.call('HDEL', meeting, 'over', 'empty')
end

-- Notes that people have left the call, maybe all of them, who were in it until now. The meeting goes on all the
-- same. A time from before they came counts no longer: a server of an earlier version counts them in and leaves it.
local function counted_out()
  if redis.call('HLEN', inside) == 0 then redis.call('HSET', meeting, 'empty', string.format('%d', now)) end
end

-- What hosts have decided on somebody: a name, sources, data, subscribe; nil where nothing.
local function decided(whom)
  return redis.call('HMGET', limits, whom .. ':name', whom .. ':sources', whom .. ':data',
    whom .. ':subscribe')
end

-- Wakes whoever watches this entry, and the room's hosts.
local publish, trace = string.match(ARGV[1], '^(%u+)(.*)$')
local function ring(id) redis.call(publish, bell, id .. trace) end

-- Counts a change of the room. Versions keep step with the clock, so that they go on rising even
-- when Redis has lost everything.
local function bump()
  local last = tonumber(redis.call('GET', version) or 0) or 0
  local next = string.format('%d', math.max(last + 1, now))
  redis.call('SET', version, next, 'PX', keep)
  return next
end

-- Puts a key's end off to ttl ms from now, unless it is later already.
local function outlive(key, ttl)
  if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
end

-- Keeps what holds for the meeting, however long it lasts.
local function keep_meeting()
  for _, key in ipairs({meeting, inside, held, limits, recorders}) do outlive(key, keep) end
end

-- Counts a change of the meeting, and tells those who watch it.
local function meet()
  local last = tonumber(redis.call('HGET', meeting, 'version') or 0) or 0
  redis.call('HSET', meeting, 'version', string.format('%d', math.max(last + 1, now)))
  keep_meeting()
  ring(meeting_watchers)
end

-- An admission ends in ttl ms.
local function admit_for(id, ttl)
  redis.call('PEXPIRE', entry_key(id), ttl)
  redis.call('ZADD', admitted, now + ttl, id)
  outlive(admitted, math.max(keep, ttl))
end

-- Remembers for whom a token is made, for ttl ms at least, so that whoever enters with it can be judged: by
-- rule, if the rules let him in and not a host, and whether he has proved to be the user. Returns {"OK", what
-- hosts have decided on him}, or {"HELD"} when a host has sent him back to the lobby: to admit him ends
-- that, so no admission of before counts.
local function issue(id, user, ttl, rule, proved, name)
  local whom, key = person(id, user), pass_key(id)
  if is_held(id, user) then return {'HELD'} end
  redis.call('HSET', key, 'user', user, 'rule', rule, 'proved', proved, 'name', name,
    'at', string.format('%d', now), 'until', string.format('%d', now + ttl))
  redis.call('HDEL', key, 'void')
  outlive(key, ttl)
  return {'OK', decided(whom)}
end

-- Keeps what lets somebody be in the call while he is there.
local function keep_in(id)
  outlive(pass_key(id), keep)
  if status_of(id) == 'ADMITTED' and redis.call('PTTL', entry_key(id)) < keep then admit_for(id, keep) end
end

-- The guest of a waiting entry is there for lease more ms.
local function attend(id, lease, arrival)
  redis.call('ZADD', waiting, arrival, id)
  redis.call('ZADD', present, now + lease, id)
  redis.call('PEXPIRE', waiting, keep)
  redis.call('PEXPIRE', present, keep)
end

-- Takes an entry off the list, and gives back the place that it took.
local function unlist(id)
  redis.call('ZREM', waiting, id)
  redis.call('ZREM', present, id)
  local whom = of_entry(id, 'from')
  if whom then
    redis.call('ZREM', from .. whom, id)
    redis.call('HDEL', entry_key(id), 'from')
  end
end

-- Moves an entry to its next status for ttl ms, and tells everybody concerned.
local function move(id, status, ttl)
  redis.call('HSET', entry_key(id), 'status', status, 'version', bump())
  redis.call('PEXPIRE', entry_key(id), ttl)
  unlist(id)
  ring(id)
end

-- Denies an entry. Its guest may ask again in ms.
local function deny(id, ms)
  move(id, 'DENIED', math.max(ms, outcome))
  redis.call('HSET', entry_key(id), 'retry', string.format('%d', now + ms))
end

-- Moves an entry out of WAITING or ADMITTED: to DENIED, of which ms is when its guest may ask again, or to another
-- status, which is remembered for ms.
local function finish(id, status, ms)
  if status == 'DENIED' then deny(id, ms) else move(id, status, ms) end
end

-- Admits an entry for ttl ms: by the rules, or by a host, which ends that a host has sent the guest back.
local function admit(id, user, ttl, by_rule)
  move(id, 'ADMITTED', ttl)
  if by_rule then
    redis.call('HSET', entry_key(id), 'rule', 1)
  else
    redis.call('HDEL', entry_key(id), 'rule')
    redis.call('ZREM', held, id, person(id, user))
  end
  redis.call('ZREMRANGEBYSCORE', admitted, '-inf', now)
  redis.call('ZADD', admitted, now + ttl, id)
  redis.call('PEXPIRE', admitted, math.max(keep, ttl))
end

-- Ends a user's admissions, by which he may come in on another device.
local function end_admissions(user, status, ttl)
  for _, id in ipairs(redis.call('ZRANGE', admitted, 0, -1)) do
    if of_entry(id, 'user') == user then
      void(id)
      redis.call('ZREM', admitted, id)
      finish(id, status, ttl)
    end
  end
end

-- Forgets guests who have been gone for too long. Whoever is gone leaves no trace: if he comes
-- back after all, he is put where he stood.
local function sweep()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', present, '-inf', now)) do
    unlist(id)
    redis.call('DEL', entry_key(id))
    bump()
    ring(id)
  end
end
