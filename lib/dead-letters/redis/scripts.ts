import { NOW, script } from '../../clients/redis/script.js';

/*
 * A dead letter is spread over four keys, KEYS 1 to 4 of every script here: entries by id, statuses by id, an index by
 * time of failure, and the closed ones by time of closing. A status is kept as "status time-of-change reason".
 * Scripts that contain a fragment begin with NOW.
 */

/** The status of an entry, or nil. */
export const STATUS_OF = `
local function statusOf(id)
  local stored = redis.call('HGET', KEYS[2], id)
  return stored and string.match(stored, '^%a+')
end
`;

/** Writes a dead letter as dead. One that was discarded stays so. */
const PUT_DEAD = `
local function putDead(id, failedAt, entry)
  redis.call('HSET', KEYS[1], id, entry)
  redis.call('ZADD', KEYS[3], failedAt, id)
  if string.match(redis.call('HGET', KEYS[2], id) or '', '^%a+') == 'discarded' then return end
  redis.call('HSET', KEYS[2], id, string.format('dead %.0f ', now))
  redis.call('ZREM', KEYS[4], id)
end
`;

/**
 * Joins a dead letter with the one of its id that is known, where there is no time to read that first, and writes it.
 * Tries that only the known one has, a hundred at most, go in front of the list; its raw message goes to the end. The
 * rest stays text: Lua has no numbers and lists that would survive. What Lua cannot read is written as it came.
 */
export const ADD_DEAD = `${PUT_DEAD}
local function missingTries(known, latest)
  local seen, missing = {}, {}
  local function keyOf(try)
    local message = string.sub(try.error.message, 1, 200)
    return table.concat({try.at, try.durationMs, try.host or '', try.error.name, message}, ' ')
  end
  for _, try in ipairs(latest) do seen[keyOf(try)] = true end
  for _, try in ipairs(known) do
    if not seen[keyOf(try)] then missing[#missing + 1] = cjson.encode(try) end
  end
  return table.concat(missing, ',', math.max(1, #missing - 99))
end

local function joinDead(known, entry)
  local before, latest = cjson.decode(known), cjson.decode(entry)
  if before.raw and not latest.raw then
    entry = string.sub(entry, 1, -2) .. ',"raw":' .. cjson.encode(before.raw) .. '}'
  end
  local missing = missingTries(before.attempts, latest.attempts)
  if missing == '' then return entry end
  local _, head = string.find(entry, '"attempts":[', 1, true)
  return string.sub(entry, 1, head) .. missing .. ',' .. string.sub(entry, head + 1)
end

local function addDead(id, failedAt, entry)
  local known = redis.call('HGET', KEYS[1], id)
  if known then
    local readable, joined = pcall(joinDead, known, entry)
    if readable then entry = joined end
  end
  putDead(id, failedAt, entry)
end
`;

const REMOVE_DEAD = `
local function removeDead(id)
  redis.call('HDEL', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
  redis.call('ZREM', KEYS[4], id)
end
`;

/** How a status is kept. A format would end the reason at its first NUL. */
const STORED = `
local function stored(status, reason)
  return status .. string.format(' %.0f ', now) .. reason
end
`;

/** Closes a dead letter and forgets the oldest closed ones above the limit. */
export const CLOSE_DEAD = `${REMOVE_DEAD}${STORED}
local function closeDead(id, status, reason, keep)
  redis.call('HSET', KEYS[2], id, stored(status, reason))
  redis.call('ZADD', KEYS[4], now, id)
  for _, old in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1 - keep)) do removeDead(old) end
end
`;

/**
 * Writes dead letters whose known entries are as they were read. ARGV: (id, failed at, entry, known entry or '', its status
 * or '')... A discarded one stays so. Replies with the ids of those that have changed since.
 */
export const DEAD_ADD = script(`${NOW}${PUT_DEAD}
local changed = {}
for i = 1, #ARGV, 5 do
  local id, failedAt, entry, known, status = unpack(ARGV, i, i + 4)
  if (redis.call('HGET', KEYS[1], id) or '') ~= known or (redis.call('HGET', KEYS[2], id) or '') ~= status then
    changed[#changed + 1] = id
  else
    putDead(id, failedAt, entry)
  end
end
return changed
`);

/** Entries and their statuses. ARGV: ids. */
export const DEAD_KNOWN = script(`
local reply = {}
for i, id in ipairs(ARGV) do
  reply[2 * i - 1] = redis.call('HGET', KEYS[1], id)
  reply[2 * i] = redis.call('HGET', KEYS[2], id)
end
return reply
`);

/** A dead letter and its status. ARGV: id. */
export const DEAD_GET = script(`
return {redis.call('HGET', KEYS[1], ARGV[1]), redis.call('HGET', KEYS[2], ARGV[1])}
`);

/** Open dead letters. */
export const DEAD_SIZE = script(`
return redis.call('ZCARD', KEYS[3]) - redis.call('ZCARD', KEYS[4])
`);

/**
 * Changes the status of an entry that is in a given one. KEYS 5: a receipt, by which a call that comes twice is known: its
 * answer may have been lost, and then it is sent again. ARGV: id, from, to, reason, closed limit, latest time of its
 * last change or '', entry as it was read or '', new entry or '', milliseconds that the receipt is kept. With KEYS 6, a
 * stream, it also appends ARGV 10... to it. Replies with entry and status; 0 when it is in another status or was changed
 * later, -1 when the entry has changed since it was read.
 */
export const DEAD_TRANSITION = script(`${NOW}${CLOSE_DEAD}
local id = ARGV[1]
if redis.call('EXISTS', KEYS[5]) == 1 then
  local entry = redis.call('HGET', KEYS[1], id)
  return entry and {entry, redis.call('HGET', KEYS[2], id)} or 0
end
local status, changedAt = string.match(redis.call('HGET', KEYS[2], id) or '', '^(%a+) (%d+)')
if status ~= ARGV[2] then return 0 end
if ARGV[6] ~= '' and tonumber(changedAt) > tonumber(ARGV[6]) then return 0 end
local entry = redis.call('HGET', KEYS[1], id)
if ARGV[7] ~= '' and entry ~= ARGV[7] then return -1 end
if ARGV[8] ~= '' then
  entry = ARGV[8]
  redis.call('HSET', KEYS[1], id, entry)
end
if ARGV[3] == 'resolved' or ARGV[3] == 'discarded' then
  closeDead(id, ARGV[3], ARGV[4], ARGV[5])
else
  redis.call('HSET', KEYS[2], id, stored(ARGV[3], ARGV[4]))
  redis.call('ZREM', KEYS[4], id)
end
if KEYS[6] then redis.call('XADD', KEYS[6], '*', unpack(ARGV, 10)) end
redis.call('SET', KEYS[5], '', 'PX', ARGV[9])
return {entry, stored(ARGV[3], ARGV[4])}
`);

/**
 * Keeps a dead letter for whoever takes it out, if it is dead: to all others it is 'retrying' until {@link DEAD_TAKEN}. A call
 * that comes twice gets it twice: its answer may have been lost. ARGV: id, token of the taker. Replies with the entry and
 * the status that it had.
 */
export const DEAD_TAKE = script(`${NOW}
local id, mark = ARGV[1], 'taken ' .. ARGV[2] .. ' '
local status = redis.call('HGET', KEYS[2], id) or ''
local before = string.match(status, '^retrying %d+ ' .. mark .. '(.*)$')
if not before then
  if not string.match(status, '^dead ') then return nil end
  before = status
  redis.call('HSET', KEYS[2], id, string.format('retrying %.0f ', now) .. mark .. before)
end
return {redis.call('HGET', KEYS[1], id), before}
`);

/** Deletes what its taker has. ARGV: id, token of the taker. */
export const DEAD_TAKEN = script(`${REMOVE_DEAD}
local status = redis.call('HGET', KEYS[2], ARGV[1]) or ''
if string.match(status, '^retrying %d+ taken ' .. ARGV[2] .. ' ') then removeDead(ARGV[1]) end
`);

/** Deletes entries, but for those that are being retried. ARGV: ids. Replies with the number. */
export const DEAD_REMOVE = script(`${STATUS_OF}${REMOVE_DEAD}
local removed = 0
for _, id in ipairs(ARGV) do
  local status = statusOf(id)
  if status and status ~= 'retrying' then
    removeDead(id)
    removed = removed + 1
  end
end
return removed
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
