#!lua name=aldgate_1

-- Aldgate's warm tier, inside Redis 7 or Valkey: each function is one verb of the tier, done whole in one lane.
--
-- KEYS[1] is the lane's stem, which ends in its hash tag; every other name begins with it, so all lie in one slot:
--   s<session>   tag 16, tag of its end 16, record 105, last use 8, tag of that 16
--   x<session>   ended just now
--   i<account>   sorted set of its sessions, by the moment at which they end for good
--   k<passkey>   state 15 ("C", identity 1, backed up 1, counter 4, revision 8), tag 16; or "R", retired
--   u<challenge> consumed, by this session
--   t<token>     revoked
--   e            this data set's number: when it was begun
--   f            the changes: e-0, e-1, e-2 and so on
--   l            the log-ins that the backend has not settled yet, named by the server's clock
-- Only `aldgate_1_keep` and `aldgate_1_strike` have another key: a passkey's published record, found by its digest.
-- Nothing here can make a tag: that needs a key which Redis never sees. The caller brings every value ready.
-- Of the writes of a verb the change stands first, and what it opens last: Lua does not roll back.

-- Both for each lane, and cut in whole blocks of a hundred. A follower that was away for more changes has a gap, and
-- confirms its copies: at 1,000 log-ins a second over all lanes it may be away for 26 minutes. The log-ins: an hour's.
local CHANGES_MAX = '100000'
local LOG_INS_MAX = '250000'
local ENDED_FOR = 60000 -- Milliseconds; far longer than a call is tried again.
local SESSIONS_MAX = 1000 -- For each account, so that ending them all is a short step. The first to expire goes.

-- How far the server's clock may have gone back without harm to the log-ins, in milliseconds.
local CLOCK_BACK_MAX = 3600000

local NUMBER_MAX = 9007199254740992 -- A number in Lua is exact up to here, and none of ours comes near it.

local function milliseconds()
  local now = redis.call('TIME')
  return tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
end

local function begin(stem)
  local number = milliseconds()
  local last = redis.pcall('XREVRANGE', stem .. 'f', '+', '-', 'COUNT', '1')[1]
  local before = tonumber(last and string.match(last[1], '^%d+') or redis.call('GET', stem .. 'e') or '0')
  if before and before < NUMBER_MAX then -- The clock may have gone back; the order of changes may not.
    number = math.max(number, before + 1)
  end
  local text = string.format('%.0f', number)
  redis.call('SET', stem .. 'e', text)
  return text
end

local function tell(stem, change)
  local add = function(set)
    return type(redis.pcall('XADD', stem .. 'f', 'MAXLEN', '~', CHANGES_MAX, set .. '-*', 'c', change)) ~= 'table'
  end
  if add(redis.call('GET', stem .. 'e') or begin(stem)) then
    return
  end
  -- Somebody has written a later name there. What ends must end all the same.
  if add(begin(stem)) then
    return
  end
  redis.call('DEL', stem .. 'f') -- There is no later name. Readers find that their place is gone: a gap.
  if not add(begin(stem)) then
    error('a change cannot be told')
  end
end

local function log_in(stem, event)
  local log = stem .. 'l'
  local add = function()
    return redis.pcall('XADD', log, 'MAXLEN', '~', LOG_INS_MAX, '*', 'c', event)
  end
  local latest = milliseconds() + CLOCK_BACK_MAX
  local name = add()
  if type(name) == 'string' and tonumber(string.match(name, '^%d+')) <= latest then
    return
  end
  -- Likewise; what has a name after all others goes, this one too, and it is added again.
  local after = string.format('(%.0f-18446744073709551615', latest)
  for _, foreign in ipairs(redis.call('XRANGE', log, after, '+')) do
    redis.call('XDEL', log, foreign[1])
  end
  local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', '1')[1]
  redis.call('XSETID', log, last and last[1] or '0-0', 'ENTRIESADDED', redis.call('XLEN', log), 'MAXDELETEDID', '0-0')
  redis.call('XADD', log, '*', 'c', event)
end

local function finish(stem, session, ended)
  local value = redis.call('GET', stem .. 's' .. session)
  if not value then
    return
  end
  tell(stem, 'E' .. session .. string.sub(value, 17, 32))
  redis.call('SET', stem .. 'x' .. session, '1', 'PX', ENDED_FOR)
  redis.call('DEL', stem .. 's' .. session)
  redis.call('ZREM', stem .. 'i' .. string.sub(value, 34, 49), session)
  ended[#ended + 1] = session
end

local function open(stem, now, session, value, life, expires, replaced, event, ended)
  local key = stem .. 's' .. session
  local there = redis.call('GET', key)
  if there and string.sub(there, 1, 137) == string.sub(value, 1, 137) or redis.call('GET', stem .. 'x' .. session) then
    return -- This very call has been done before, and its answer was lost; what ended meanwhile stays ended.
  end
  local index = stem .. 'i' .. string.sub(value, 34, 49)
  if replaced ~= '' then
    finish(stem, replaced, ended)
  end
  redis.call('ZREMRANGEBYSCORE', index, '-inf', now)
  while redis.call('ZCARD', index) >= SESSIONS_MAX do
    local first = redis.call('ZRANGE', index, 0, 0)[1]
    finish(stem, first, ended)
    redis.call('ZREM', index, first)
  end
  redis.call('ZADD', index, expires, session)
  if redis.call('PTTL', index) < tonumber(life) then
    redis.call('PEXPIRE', index, life)
  end
  log_in(stem, event)
  redis.call('SET', key, value, 'PX', life)
end

-- now, session, value, life, expires, replaced session or ''; event. Gives the sessions that it ended.
redis.register_function('aldgate_1_open', function(keys, a)
  local ended = {}
  open(keys[1], a[1], a[2], a[3], a[4], a[5], a[6], a[7], ended)
  return ended
end)

-- As `open`, and: challenge, its life, passkey, state that the caller knows, new cell or '', change or '',
-- '1' if the counter does not grow from that state, the cell's life. Gives 'S' and what it ended, or why not.
redis.register_function('aldgate_1_settle', function(keys, a)
  local stem, session = keys[1], a[2]
  local mark = stem .. 'u' .. a[8]
  local user = redis.call('GET', mark)
  if user == session then
    return { 'S' } -- This very call has been done before; its answer was lost.
  end
  if user then
    return { 'U' }
  end
  local key = stem .. 'k' .. a[10]
  local cell = redis.call('GET', key)
  if not cell then
    return { 'N' }
  end
  if string.sub(cell, 1, 1) == 'R' then
    return { 'G' }
  end
  if string.sub(cell, 1, 15) ~= a[11] then
    return { 'M', cell }
  end
  if a[14] == '1' then
    return { 'C' }
  end
  redis.call('SET', mark, session, 'PX', a[9])
  if a[12] ~= '' then
    tell(stem, a[13])
    redis.call('SET', key, a[12], 'PX', a[15])
  else
    redis.call('PEXPIRE', key, a[15])
  end
  local ended = { 'S' }
  open(stem, a[1], session, a[3], a[4], a[5], a[6], a[7], ended)
  return ended
end)

-- What ends or forbids something is done even when the memory is full ('allow-oom'): it needs next to none.

-- account or '' for any; 'one' or 'all'; session to end, or to keep, or ''; passkey or '' for any. Gives what it ended.
redis.register_function {
  function_name = 'aldgate_1_end',
  flags = { 'allow-oom' },
  callback = function(keys, a)
    local stem, ended = keys[1], {}
    if a[2] == 'one' then
      local value = redis.call('GET', stem .. 's' .. a[3])
      if value and (a[1] == '' or string.sub(value, 34, 49) == a[1]) then
        finish(stem, a[3], ended)
      end
      return ended
    end
    local index = stem .. 'i' .. a[1]
    for _, session in ipairs(redis.call('ZRANGE', index, 0, -1)) do
      local value = redis.call('GET', stem .. 's' .. session)
      if not value then
        redis.call('ZREM', index, session)
      elseif session ~= a[3] and (a[4] == '' or string.sub(value, 66, 97) == a[4]) then
        finish(stem, session, ended)
      end
    end
    return ended
  end,
}

-- Pairs of session and tagged last use.
redis.register_function('aldgate_1_touch', function(keys, a)
  for n = 1, #a, 2 do
    local key = keys[1] .. 's' .. a[n]
    local value = redis.call('GET', key)
    if value and #value == 161 then
      for at = 1, 8 do
        local new, old = string.byte(a[n + 1], at), string.byte(value, 137 + at)
        if new > old then
          redis.call('SETRANGE', key, 137, a[n + 1])
        end
        if new ~= old then
          break
        end
      end
    end
  end
  return {}
end)

-- account. Gives its sessions and their values, by turns.
redis.register_function {
  function_name = 'aldgate_1_sessions',
  flags = { 'no-writes' },
  callback = function(keys, a)
    local found = {}
    for _, session in ipairs(redis.call('ZRANGE', keys[1] .. 'i' .. a[1], 0, -1)) do
      local value = redis.call('GET', keys[1] .. 's' .. session)
      if value then
        found[#found + 1] = session
        found[#found + 1] = value
      end
    end
    return found
  end,
}

-- passkey, whole cell that the caller knows ('' if it knows of none), new cell, change or '', the cell's life.
redis.register_function('aldgate_1_publish', function(keys, a)
  local key = keys[1] .. 'k' .. a[1]
  local cell = redis.call('GET', key) or ''
  if string.sub(cell, 1, 1) == 'R' then
    return { 'G' }
  end
  if cell ~= a[2] then
    return { 'M', cell }
  end
  if a[4] ~= '' then
    tell(keys[1], a[4])
  end
  redis.call('SET', key, a[3], 'PX', a[5])
  return { 'S' }
end)

-- KEYS[1] is a passkey's published record, whole. The record, its life. What was retired stays so.
redis.register_function('aldgate_1_keep', function(keys, a)
  if redis.call('GET', keys[1]) == 'R' then
    return { 'G' }
  end
  redis.call('SET', keys[1], a[1], 'PX', a[2])
  return { 'S' }
end)

-- KEYS[1] likewise. How long it is remembered that it was retired.
redis.register_function {
  function_name = 'aldgate_1_strike',
  flags = { 'allow-oom' },
  callback = function(keys, a)
    redis.call('SET', keys[1], 'R', 'PX', a[1])
    return {}
  end,
}

-- passkey, how long that is remembered, change.
redis.register_function {
  function_name = 'aldgate_1_retire',
  flags = { 'allow-oom' },
  callback = function(keys, a)
    tell(keys[1], a[3])
    redis.call('SET', keys[1] .. 'k' .. a[1], 'R', 'PX', a[2])
    return {}
  end,
}

-- token, how long that is remembered, change.
redis.register_function {
  function_name = 'aldgate_1_revoke',
  flags = { 'allow-oom' },
  callback = function(keys, a)
    local key, life = keys[1] .. 't' .. a[1], tonumber(a[2])
    if redis.call('PTTL', key) < life then -- Whatever is asked first or last, it is remembered for the longest.
      redis.call('SET', key, '1', 'PX', life)
    end
    tell(keys[1], a[3])
    return {}
  end,
}

-- a place in the changes. Gives the last place there is ('0-0' for none), and what stands at the given one.
redis.register_function {
  function_name = 'aldgate_1_place',
  flags = { 'no-writes' },
  callback = function(keys, a)
    local feed = keys[1] .. 'f'
    local last = redis.call('XREVRANGE', feed, '+', '-', 'COUNT', '1')[1]
    local here = redis.call('XRANGE', feed, a[1], a[1])[1]
    return { last and last[1] or '0-0', here and here[2][2] or '' }
  end,
}

redis.register_function {
  function_name = 'aldgate_1_ready',
  flags = { 'no-writes' },
  callback = function()
    return 'ready'
  end,
}
