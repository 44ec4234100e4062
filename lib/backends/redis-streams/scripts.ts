import { createHash } from 'node:crypto';

/** A Lua script and the digest that Redis knows it by. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/** Unix time of the server in milliseconds. */
const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/**
 * Appends many events. Each may fail by itself: replies with pairs of position and error, or nil. A replica fails as
 * a whole, so that the client reconnects.
 */
export const PUBLISH = script(`
local failed
for i = 1, #ARGV do
  local reply = redis.pcall('XADD', KEYS[1], '*', 'event', ARGV[i])
  if type(reply) == 'table' and reply.err then
    if string.sub(reply.err, 1, 8) == 'READONLY' then return reply end
    failed = failed or {}
    failed[#failed + 1] = i
    failed[#failed + 1] = reply.err
  end
end
return failed
`);

/** Puts one delayed entry on a schedule. KEYS: schedule, scheduled. ARGV: id, delay, delivery and event. */
export const SCHEDULE = script(`${NOW}
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return now
`);

/** Appends what is stored for an entry, "delivery, newline, event", to a stream. */
const APPEND = `
local function append(stream, payload)
  local cut = string.find(payload, '\\n', 1, true)
  if cut == 1 then
    redis.call('XADD', stream, '*', 'event', string.sub(payload, 2))
  else
    redis.call('XADD', stream, '*', 'event', string.sub(payload, cut + 1), 'delivery', string.sub(payload, 1, cut - 1))
  end
end
`;

/**
 * Moves what is due from a schedule to its stream. KEYS: schedule, scheduled, stream. ARGV: limit.
 * Replies with the number moved and the milliseconds until the next is due, -1 for none.
 */
export const MOVE_DUE = script(`${NOW}${APPEND}
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
for _, id in ipairs(ids) do
  local payload = redis.call('HGET', KEYS[2], id)
  if payload then append(KEYS[3], payload) end
  redis.call('HDEL', KEYS[2], id)
  redis.call('ZREM', KEYS[1], id)
end
local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if #next == 0 then return {#ids, -1} end
return {#ids, math.max(0, next[2] - now)}
`);

/** Whether a consumer still owns an entry. */
const OWNS = `
local function owns(stream, group, consumer, id)
  return #redis.call('XPENDING', stream, group, id, id, 1, consumer) == 1
end
`;

/**
 * Acknowledges a batch for its owner. Before the deadline nobody else can have claimed any of it, and one command is
 * enough; after it, each entry is looked up. KEYS: stream. ARGV: group, consumer, deadline, ids.
 * Replies with the number of entries that were not ours any more.
 */
export const ACK = script(`${NOW}${OWNS}
if now < tonumber(ARGV[3]) then
  redis.call('XACK', KEYS[1], ARGV[1], unpack(ARGV, 4))
  return 0
end
local stale = 0
for i = 4, #ARGV do
  if owns(KEYS[1], ARGV[1], ARGV[2], ARGV[i]) then
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
  else
    stale = stale + 1
  end
end
return stale
`);

/** Writes a dead letter as dead. KEYS 1 to 4: dead, status, index, closed. */
const ADD_DEAD = `
local function addDead(id, failedAt, entry)
  redis.call('HSET', KEYS[1], id, entry)
  redis.call('HSET', KEYS[2], id, 'dead')
  redis.call('ZADD', KEYS[3], failedAt, id)
  redis.call('ZREM', KEYS[4], id)
end
`;

/** Closes a dead letter and forgets the oldest closed ones above the limit. KEYS 1 to 4 as above. */
const CLOSE_DEAD = `
local function closeDead(id, status, now, keep)
  redis.call('HSET', KEYS[2], id, status)
  redis.call('ZADD', KEYS[4], now, id)
  for _, old in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1 - keep)) do
    redis.call('HDEL', KEYS[1], old)
    redis.call('HDEL', KEYS[2], old)
    redis.call('ZREM', KEYS[3], old)
    redis.call('ZREM', KEYS[4], old)
  end
end
`;

/**
 * Stores the outcome of a delivery, then acknowledges it: all of it or, when the entry is not ours any more, nothing.
 * KEYS: the four of the dead letters, source stream, retry stream, retry schedule, retry scheduled.
 * ARGV: group, consumer, entry id, closed limit, number of retries, (id, delay, payload)..., number of dead letters,
 * (id, failed at, entry)..., number of resolved, id...
 * Replies 1, or 0 when nothing was done.
 */
export const SETTLE = script(`${NOW}${OWNS}${APPEND}${ADD_DEAD}${CLOSE_DEAD}
if not owns(KEYS[5], ARGV[1], ARGV[2], ARGV[3]) then return 0 end
local at = 5
local function take()
  at = at + 1
  return ARGV[at - 1]
end
for _ = 1, tonumber(take()) do
  local id, delay, payload = take(), tonumber(take()), take()
  if delay <= 0 then
    append(KEYS[6], payload)
  else
    redis.call('HSET', KEYS[8], id, payload)
    redis.call('ZADD', KEYS[7], now + delay, id)
  end
end
for _ = 1, tonumber(take()) do
  addDead(take(), take(), take())
end
for _ = 1, tonumber(take()) do
  local id = take()
  if redis.call('HGET', KEYS[2], id) == 'retrying' then closeDead(id, 'resolved', now, ARGV[4]) end
end
redis.call('XACK', KEYS[5], ARGV[1], ARGV[3])
return 1
`);

/**
 * Renews the leases of entries. KEYS: stream. ARGV: group, consumer, ids. Replies with the server's time, then the ids
 * that somebody else owns. An entry that nobody owns was deleted and is left alone: its handler may finish.
 */
export const RENEW = script(`${NOW}
local reply, own = {now}, {}
for i = 3, #ARGV do
  local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1)
  if pending.err then
    if string.sub(pending.err, 1, 7) == 'NOGROUP' then return reply end
    return pending
  end
  if #pending == 1 then
    if pending[1][2] == ARGV[2] then own[#own + 1] = ARGV[i] else reply[#reply + 1] = ARGV[i] end
  end
end
if #own > 0 then
  own[#own + 1] = 'JUSTID'
  redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, unpack(own))
end
return reply
`);

/** One page of entries whose lease is over. KEYS: stream. ARGV: group, min idle, start, count. */
export const OVERDUE = script(`
return redis.call('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[2], ARGV[3], '+', ARGV[4])
`);

/**
 * Claims entries whose lease is over. KEYS: stream. ARGV: group, consumer, min idle, ids. Replies with the server's
 * time, the number of entries that were deleted before anybody handled them, and the claimed entries.
 */
export const CLAIM = script(`${NOW}
local lost, claimed = 0, {}
for i = 4, #ARGV do
  local id = ARGV[i]
  if #redis.call('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[3], id, id, 1) == 1 then
    local entry = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], id)[1]
    if entry then
      claimed[#claimed + 1] = entry
    else
      redis.call('XACK', KEYS[1], ARGV[1], id)
      lost = lost + 1
    end
  end
end
return {now, lost, claimed}
`);

/** Creates the group at the start of the stream unless it is there. KEYS: streams. ARGV: group. */
export const CREATE_GROUPS = script(`${NOW}
for _, stream in ipairs(KEYS) do
  local reply = redis.pcall('XGROUP', 'CREATE', stream, ARGV[1], '0', 'MKSTREAM')
  if reply.err and string.sub(reply.err, 1, 9) ~= 'BUSYGROUP' then return reply end
end
return now
`);

/** Turns the flat reply of XINFO into a table. */
const FIELDS = `
local function fields(flat)
  local result = {}
  for i = 1, #flat, 2 do result[flat[i]] = flat[i + 1] end
  return result
end
`;

/**
 * Removes consumers without work that have not been heard of for a while. With work they stay: removing them would
 * drop it. KEYS: stream. ARGV: group, milliseconds, or the name of one consumer to remove whatever its age.
 */
export const REMOVE_CONSUMERS = script(`${FIELDS}
local info = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
if info.err then return 0 end
local removed = 0
for _, flat in ipairs(info) do
  local consumer = fields(flat)
  local chosen = consumer.name == ARGV[3] or (not ARGV[3] and consumer.idle > tonumber(ARGV[2]))
  if chosen and consumer.pending == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
    removed = removed + 1
  end
end
return removed
`);

/**
 * Removes what every group has handled. The first entry that anybody still needs is a group's lowest pending one,
 * else the last it was given; without groups everything is needed. KEYS: stream. ARGV: minimal age in milliseconds.
 */
export const TRIM = script(`${NOW}${FIELDS}
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if groups.err or #groups == 0 then return 0 end
local floorMs, floorSeq = now - ARGV[1], 0
for _, flat in ipairs(groups) do
  local group = fields(flat)
  local id = group['last-delivered-id']
  if group.pending > 0 then id = redis.call('XPENDING', KEYS[1], group.name)[2] end
  local ms, seq = string.match(id, '(%d+)-(%d+)')
  ms, seq = tonumber(ms), tonumber(seq)
  if ms < floorMs or (ms == floorMs and seq < floorSeq) then floorMs, floorSeq = ms, seq end
end
if floorMs <= 0 then return 0 end
return redis.call('XTRIM', KEYS[1], 'MINID', '=', string.format('%.0f-%.0f', floorMs, floorSeq))
`);

/**
 * How much a group has to do. KEYS: stream, retry stream, retry schedule, schedule, dead index, dead closed.
 * ARGV: group. Replies with unread, pending, scheduled retries, delayed events, delayed events that are due, open
 * dead letters. Unread is exact only up to ARGV[2] entries per stream, to cost little.
 */
export const GAUGES = script(`${NOW}${FIELDS}
local unread, pending = 0, 0
for i = 1, 2 do
  local groups = redis.pcall('XINFO', 'GROUPS', KEYS[i])
  if not groups.err then
    for _, flat in ipairs(groups) do
      local group = fields(flat)
      if group.name == ARGV[1] then
        pending = pending + group.pending
        if group.lag then
          unread = unread + group.lag
        else
          unread = unread + #redis.call('XRANGE', KEYS[i], '(' .. group['last-delivered-id'], '+', 'COUNT', ARGV[2])
        end
      end
    end
  end
end
return {
  unread, pending, redis.call('ZCARD', KEYS[3]), redis.call('ZCARD', KEYS[4]),
  redis.call('ZCOUNT', KEYS[4], '-inf', now), redis.call('ZCARD', KEYS[5]) - redis.call('ZCARD', KEYS[6])
}
`);

/** Writes dead letters. KEYS: the four of the dead letters. ARGV: (id, failed at, entry)... */
export const DEAD_ADD = script(`${ADD_DEAD}
for i = 1, #ARGV, 3 do addDead(ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
return 1
`);

/** Changes the status of a dead letter that is in a given one. ARGV: id, from, to, stored status, closed limit. */
export const DEAD_TRANSITION = script(`${NOW}${CLOSE_DEAD}
local status = redis.call('HGET', KEYS[2], ARGV[1])
if not status or string.match(status, '^%a+') ~= ARGV[2] then return nil end
if ARGV[3] == 'resolved' or ARGV[3] == 'discarded' then
  local entry = redis.call('HGET', KEYS[1], ARGV[1])
  closeDead(ARGV[1], ARGV[4], now, ARGV[5])
  return entry
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
redis.call('ZREM', KEYS[4], ARGV[1])
return redis.call('HGET', KEYS[1], ARGV[1])
`);

/** Takes a dead letter out if it is dead. ARGV: id. */
export const DEAD_TAKE = script(`
if redis.call('HGET', KEYS[2], ARGV[1]) ~= 'dead' then return nil end
local entry = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return entry
`);

/**
 * Hands a dead letter back to its handler. KEYS: the four, retry stream. ARGV: id, entry as it was read, fields...
 * Replies 1, 0 when it is not dead, -1 when the entry has changed since it was read.
 */
export const DEAD_REQUEUE = script(`
if redis.call('HGET', KEYS[2], ARGV[1]) ~= 'dead' then return 0 end
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return -1 end
redis.call('HSET', KEYS[2], ARGV[1], 'retrying')
redis.call('XADD', KEYS[5], '*', unpack(ARGV, 3))
return 1
`);

/**
 * One page of dead letters by time of failure. ARGV: from, to, id to continue after (or ''), count.
 * Replies with time, id, entry and status of each. Ids of the same time are in the order of their bytes.
 */
export const DEAD_PAGE = script(`
local reply, offset, from, after, count = {}, 0, ARGV[1], ARGV[3], tonumber(ARGV[4])
while #reply < count * 4 do
  local page = redis.call('ZRANGEBYSCORE', KEYS[3], from, ARGV[2], 'WITHSCORES', 'LIMIT', offset, count)
  for i = 1, #page, 2 do
    local id, score = page[i], page[i + 1]
    if #reply < count * 4 and (after == '' or tonumber(score) > tonumber(from) or id > after) then
      reply[#reply + 1] = score
      reply[#reply + 1] = id
      reply[#reply + 1] = redis.call('HGET', KEYS[1], id)
      reply[#reply + 1] = redis.call('HGET', KEYS[2], id)
    end
  end
  if #page < count * 2 then break end
  offset = offset + count
end
return reply
`);

/** Id of the newest entry that a stream ever had. KEYS: stream. */
export const LAST_ID = script(`${FIELDS}
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if info.err then return '0-0' end
return fields(info)['last-generated-id']
`);

/** A dead letter and its status. ARGV: id. */
export const DEAD_GET = script(`
return {redis.call('HGET', KEYS[1], ARGV[1]), redis.call('HGET', KEYS[2], ARGV[1])}
`);

/** Open dead letters. */
export const DEAD_SIZE = script(`
return redis.call('ZCARD', KEYS[3]) - redis.call('ZCARD', KEYS[4])
`);
