-- Stands in front of every script. All scripts share these:
--
-- KEYS[1]  sorted set of waiting entries, scored by arrival (a version, so no two are equal)
-- KEYS[2]  sorted set of the same entries, scored by the time (ms) at which their guest counts as gone
-- KEYS[3]  version of the room's lobby
-- KEYS[4]  sorted set of admitted entries, scored by the time (ms) at which the admission ends
-- ARGV[1]  PUBLISH, or SPUBLISH on Redis Cluster
-- ARGV[2]  channel of the room's bell
-- ARGV[3]  what the names of the room's other keys begin with; their hash tag is that of KEYS
-- ARGV[4]  ms that a key outlives its last change
--
-- A time is Redis's own, so servers need not agree on one.
local waiting, present, version, admitted = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local keep = tonumber(ARGV[4])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function entry_key(id) return ARGV[3] .. 'entry:' .. id end
local function denied_key(user) return ARGV[3] .. 'denied:' .. user end
local function status_of(id) return redis.call('HGET', entry_key(id), 'status') end

-- An entry as every script returns it.
local function read(id)
  return {id, unpack(redis.call('HMGET', entry_key(id),
    'name', 'color', 'status', 'user', 'since', 'arrival', 'version', 'rule'))}
end

-- Wakes whoever watches this entry, and the room's hosts.
local function ring(id) redis.call(ARGV[1], ARGV[2], id) end

-- Counts a change of the room. Versions keep step with the clock, so that they go on rising even
-- when Redis has lost everything.
local function bump()
  local last = tonumber(redis.call('GET', version) or 0)
  local next = string.format('%d', math.max(last + 1, now))
  redis.call('SET', version, next, 'PX', keep)
  return next
end

-- The guest of a waiting entry is there for lease more ms.
local function attend(id, lease, arrival)
  redis.call('ZADD', waiting, arrival, id)
  redis.call('ZADD', present, now + lease, id)
  redis.call('PEXPIRE', waiting, keep)
  redis.call('PEXPIRE', present, keep)
end

local function unlist(id)
  redis.call('ZREM', waiting, id)
  redis.call('ZREM', present, id)
end

-- Moves an entry to its next status for ttl ms, and tells everybody concerned.
local function move(id, status, ttl)
  redis.call('HSET', entry_key(id), 'status', status, 'version', bump())
  redis.call('PEXPIRE', entry_key(id), ttl)
  unlist(id)
  ring(id)
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
