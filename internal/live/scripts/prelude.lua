-- Stands in front of every script. All scripts share these arguments:
--
-- KEYS[1]  the beginning of the names of all the room's keys, with their hash tag; no key has this name
-- ARGV[1]  PUBLISH, or SPUBLISH on Redis Cluster; then, after a space, the trace of the change, if any
-- ARGV[2]  ms that a key outlives its last change
--
-- A script's own arguments begin at ARGV[3]. Times come from Redis's clock, so servers need not agree on one.
local room = KEYS[1]
-- Sorted sets of the waiting entries: scored by arrival (a version, so no two are equal), and scored by the time (ms)
-- when their guest counts as gone.
local waiting, present = room .. 'waiting', room .. 'present'
-- The beginning of the names of sorted sets: the waiting entries that take a place of one user or network address,
-- scored by time (ms).
local from = room .. 'from:'
-- Version of the room's lobby.
local version = room .. 'version'
-- Sorted set of the admitted entries, scored by the time (ms) when the admission ends.
local admitted = room .. 'admitted'
-- Hash of the meeting: version; message for waiting guests, and message_version in which it was set; told (version in
-- which something else changed that waiting guests see); revoked (ms: passes issued before are void); over (ms: when
-- the last meeting ended); empty (ms: since when nobody is inside; only while a meeting is on); closing (ms: when the
-- last meeting ended, until the database has followed).
local meeting = room .. 'meeting'
-- Hash of who is inside: identity to "<LiveKit's id of the connection> <start of the connection (ms)>".
local inside = room .. 'inside'
-- Sorted set of connections that have ended, scored by time (ms).
local ended = room .. 'ended'
-- Sorted set of the people whom a host has returned to the lobby: users or, for people without an account, entries;
-- scored by time (ms).
local held = room .. 'held'
-- Hash of the restrictions, what hosts have decided on people inside: "<person>:<field>" to value, "<person>:at" to
-- time.
local limits = room .. 'limits'
-- Sorted set of the egresses that record the meeting, scored by time (ms).
local recorders = room .. 'recorders'
-- Channel of the room's bell.
local bell = room .. 'bell'
local meeting_watchers, everybody =
  'ffffffff-ffff-ffff-ffff-ffffffffffff', 'ffffffff-ffff-ffff-ffff-fffffffffffe'
local keep = tonumber(ARGV[2])
-- How long (ms) a denial is kept at least: much longer than a server may be cut off from Redis, so that a guest who
-- watches there still learns of it.
local outcome = math.min(keep, 60 * 60 * 1000)
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function entry_key(id) return room .. 'entry:' .. id end
local function denied_key(user) return room .. 'denied:' .. user end
local function pass_key(id) return room .. 'pass:' .. id end

-- A field of an entry; false when there is none. One damaged entry must not make a script fail for many.
local function of_entry(id, field)
  local value = redis.pcall('HGET', entry_key(id), field)
  return type(value) == 'string' and value
end
local function status_of(id) return of_entry(id, 'status') end

-- Returns an entry as every script does.
local function read(id)
  local values = redis.pcall('HMGET', entry_key(id),
    'name', 'color', 'status', 'user', 'since', 'arrival', 'version', 'rule')
  if values.err then values = {'', '', 'DAMAGED', '', '', '', '', ''} end -- not a hash
  return {id, unpack(values)}
end

-- Returns the ms until a denied guest may ask again.
local function wait_of(id)
  local ends = tonumber(of_entry(id, 'retry'))
  if ends then return math.max(0, ends - now) end
  return redis.call('PTTL', entry_key(id)) -- a server of an earlier version has denied it
end

-- Returns the name under which a host's decision on a person is kept.
local function person(id, user)
  if user and user ~= '' then return user end
  return id
end

-- Makes a person's pass void. It stays known that they had one.
local function void(id)
  if redis.call('EXISTS', pass_key(id)) == 1 then redis.call('HSET', pass_key(id), 'void', 1) end
end

-- Reports whether a host has returned a person to the lobby: their account or, when the account was not known, their
-- entry.
local function is_held(id, user)
  return redis.call('ZSCORE', held, id) ~= false
    or user ~= nil and user ~= false and user ~= '' and redis.call('ZSCORE', held, user) ~= false
end

-- Returns how a host has removed a guest from the meeting, while that is why the guest is not in it: RETURNED to the
-- lobby, or REMOVED; false when no host has.
local function removal(id, status, user)
  if status == 'WAITING' then return is_held(id, user) and 'RETURNED' end
  if status and status ~= 'DENIED' then return false end
  return redis.call('HEXISTS', pass_key(id), 'void') == 1 and 'REMOVED'
end

-- Returns an entry as its guest sees it. After the values of read come the message for waiting guests, the version of
-- what these see beside their entries, the guest's place, the list's version, the ms until a denied guest may ask again
-- (else 0), and how a host has removed the guest from the meeting.
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

-- Returns the connection by which a participant is inside, and its start; nil when they are not.
local function connection(id)
  local sid, since = string.match(redis.call('HGET', inside, id) or '', '^(%S+) (-?%d+)$')
  return sid, tonumber(since)
end

-- Counts a participant in: a meeting is on.
local function count_in(id, sid, since)
  redis.call('HSET', inside, id, sid .. ' ' .. since)
  redis.call('HDEL', meeting, 'over', 'empty')
end

-- Notes that people who were inside until now have left, maybe all of them. The meeting goes on. It overwrites an older
-- time: a server of an earlier version does not delete that when it counts people in.
local function counted_out()
  if redis.call('HLEN', inside) == 0 then redis.call('HSET', meeting, 'empty', string.format('%d', now)) end
end

-- Returns what hosts have decided on a person: name, sources, data, subscribe; nil where nothing.
local function restrictions(whom)
  return redis.call('HMGET', limits, whom .. ':name', whom .. ':sources', whom .. ':data',
    whom .. ':subscribe')
end

-- Wakes the watchers of this entry, and the room's hosts.
local publish, trace = string.match(ARGV[1], '^(%u+)(.*)$')
local function ring(id) redis.call(publish, bell, id .. trace) end

-- Raises the version of the lobby. Versions keep step with the clock, so that they go on rising even when Redis has
-- lost everything.
local function bump()
  local last = tonumber(redis.call('GET', version) or 0) or 0
  local next = string.format('%d', math.max(last + 1, now))
  redis.call('SET', version, next, 'PX', keep)
  return next
end

-- Makes a key expire in ttl ms, unless it expires later already.
local function outlive(key, ttl)
  if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
end

-- Keeps the state of the meeting, however long it lasts.
local function keep_meeting()
  for _, key in ipairs({meeting, inside, held, limits, recorders}) do outlive(key, keep) end
end

-- Raises the version of the meeting, and wakes its watchers.
local function meet()
  local last = tonumber(redis.call('HGET', meeting, 'version') or 0) or 0
  redis.call('HSET', meeting, 'version', string.format('%d', math.max(last + 1, now)))
  keep_meeting()
  ring(meeting_watchers)
end

-- Makes an admission end in ttl ms.
local function admit_for(id, ttl)
  redis.call('PEXPIRE', entry_key(id), ttl)
  redis.call('ZADD', admitted, now + ttl, id)
  outlive(admitted, math.max(keep, ttl))
end

-- Issues a pass: remembers for whom a token is made, for ttl ms at least, so that a person who joins with it can be
-- judged. Rule is 1 when the rules have admitted them, not a host; proved is 1 when they have proved to be the user.
-- Returns {"OK", restrictions}, or {"HELD"} when a host has returned them to the lobby: only a later admission ends
-- that.
local function issue(id, user, ttl, rule, proved, name)
  local whom, key = person(id, user), pass_key(id)
  if is_held(id, user) then return {'HELD'} end
  redis.call('HSET', key, 'user', user, 'rule', rule, 'proved', proved, 'name', name,
    'at', string.format('%d', now), 'until', string.format('%d', now + ttl))
  redis.call('HDEL', key, 'void')
  outlive(key, ttl)
  return {'OK', restrictions(whom)}
end

-- Keeps the pass and the admission of a participant while they are inside.
local function keep_in(id)
  outlive(pass_key(id), keep)
  if status_of(id) == 'ADMITTED' and redis.call('PTTL', entry_key(id)) < keep then admit_for(id, keep) end
end

-- Keeps the guest of a waiting entry present for another lease (ms).
local function attend(id, lease, arrival)
  redis.call('ZADD', waiting, arrival, id)
  redis.call('ZADD', present, now + lease, id)
  redis.call('PEXPIRE', waiting, keep)
  redis.call('PEXPIRE', present, keep)
end

-- Removes an entry from the waiting list, and frees its place.
local function unlist(id)
  redis.call('ZREM', waiting, id)
  redis.call('ZREM', present, id)
  local whom = of_entry(id, 'from')
  if whom then
    redis.call('ZREM', from .. whom, id)
    redis.call('HDEL', entry_key(id), 'from')
  end
end

-- Moves an entry to its next status for ttl ms, and wakes everybody concerned.
local function move(id, status, ttl)
  redis.call('HSET', entry_key(id), 'status', status, 'version', bump())
  redis.call('PEXPIRE', entry_key(id), ttl)
  unlist(id)
  ring(id)
end

-- Denies an entry. Its guest may ask again after that many ms.
local function deny(id, ms)
  move(id, 'DENIED', math.max(ms, outcome))
  redis.call('HSET', entry_key(id), 'retry', string.format('%d', now + ms))
end

-- Moves an entry out of WAITING or ADMITTED: to DENIED, where the guest may ask again after ms, or to another status,
-- which is kept for ms.
local function finish(id, status, ms)
  if status == 'DENIED' then deny(id, ms) else move(id, status, ms) end
end

-- Admits an entry for ttl ms: by the rules, or by a host, whose admission also ends an earlier return to the lobby.
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

-- Ends a user's admissions, by which they may join on another device.
local function end_admissions(user, status, ttl)
  for _, id in ipairs(redis.call('ZRANGE', admitted, 0, -1)) do
    if of_entry(id, 'user') == user then
      void(id)
      redis.call('ZREM', admitted, id)
      finish(id, status, ttl)
    end
  end
end

-- Removes guests who have been gone for too long, with all their keys. A guest who comes back after all gets their old
-- place.
local function sweep()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', present, '-inf', now)) do
    unlist(id)
    redis.call('DEL', entry_key(id))
    bump()
    ring(id)
  end
end
