import { script } from '../../../clients/redis/script.js';

/*
 * Reads go through scripts so that each sees one moment, and so that a client of a cluster never asks a replica, which
 * may be behind.
 *
 * KEYS begin with log, publication, position, blocks, latest, earliest. ARGV begin with the position to go on from or ``,
 * the most events wanted, 1 to go backward, and the times of the criteria `since` and `until` or ``.
 *
 * Reply with the position to go on from, or `` at the end, and then for each event: position, when it was recorded,
 * stream, version in it, publication, JSON.
 */

/** Puts events into the reply. */
const REPLY = `
local log, publication = KEYS[1], KEYS[2]
local reply = { '' }
local anyPublication = redis.call('EXISTS', publication) == 1
local function add(entry)
  local n, fields = string.match(entry[1], '^%d+'), entry[2]
  local begun = fields[10]
  local state = anyPublication and redis.call('HGET', publication, n)
  if not state then state = (begun == 'pending' or begun == 'failed') and 'published' or begun end
  reply[#reply + 1] = { n, fields[4], fields[6], fields[8], state, fields[2] }
end
local function addAt(n)
  local entry = redis.call('XRANGE', log, n, n)[1]
  if entry then add(entry) end
end
`;

/**
 * Finds `low` and `high`, the first and the last position to look at. Before the first block whose latest time so far
 * is late enough, no event is; behind the last one whose earliest time from there on is early enough, no event is.
 */
const BOUNDS = `
${REPLY}
local limit, backward = tonumber(ARGV[2]), ARGV[3] == '1'
local function text(n) return string.format('%.0f', n) end
local function beginning(block)
  local value = redis.call('LINDEX', KEYS[4], block)
  return value and tonumber(string.match(value, '^%d+'))
end
local low, high = 1, tonumber(redis.call('GET', KEYS[3]) or 0)
if ARGV[4] ~= '' then
  local block = redis.call('ZRANGEBYSCORE', KEYS[5], ARGV[4], '+inf', 'LIMIT', 0, 1)[1]
  if not block then return reply end
  low = beginning(tonumber(block))
end
if ARGV[5] ~= '' then
  local block = redis.call('ZREVRANGEBYSCORE', KEYS[6], '(' .. ARGV[5], '-inf', 'LIMIT', 0, 1)[1]
  if not block then return reply end
  local behind = beginning(tonumber(block) + 1)
  if behind then high = behind - 1 end
end
if ARGV[1] ~= '' then
  if backward then
    high = math.min(high, tonumber(ARGV[1]) - 1)
  else
    low = math.max(low, tonumber(ARGV[1]) + 1)
  end
end
if low > high then return reply end
local function range(stream, count)
  if backward then return redis.call('XREVRANGE', stream, text(high), text(low), 'COUNT', count) end
  return redis.call('XRANGE', stream, text(low), text(high), 'COUNT', count)
end
`;

/** All events. */
export const READ_LOG = script(`
${BOUNDS}
local entries = range(log, limit)
for _, entry in ipairs(entries) do add(entry) end
if #entries == limit then reply[1] = string.match(entries[limit][1], '^%d+') end
return reply
`);

/**
 * The events of some types, or of a source.
 *
 * More KEYS: types; the streams of positions. One more of ARGV: how many types the caller chose these from, or -1 where
 * it did not choose. Replies with nil when there are more by now.
 */
export const READ_MERGED = script(`
if ARGV[6] ~= '-1' and redis.call('SCARD', KEYS[7]) ~= tonumber(ARGV[6]) then return false end
${BOUNDS}
local streams = #KEYS - 7
local each = math.min(limit, math.max(32, math.floor(2000 / math.max(streams, 1))))
local found, bound = {}, nil
for i = 8, #KEYS do
  local entries = range(KEYS[i], each)
  for _, entry in ipairs(entries) do found[#found + 1] = tonumber(string.match(entry[1], '^%d+')) end
  -- Behind the last one that was read, this stream may have more.
  if #entries == each then
    local last = found[#found]
    if not bound then bound = last elseif backward then bound = math.max(bound, last) else bound = math.min(bound, last) end
  end
end
table.sort(found, function(a, b) if backward then return a > b end return a < b end)
for i, n in ipairs(found) do
  local beyond = bound and (backward and n < bound or not backward and n > bound)
  if beyond or i > limit then
    reply[1] = text(found[i - 1])
    return reply
  end
  addAt(text(n))
end
if bound then reply[1] = text(found[#found]) end
return reply
`);

/**
 * The events of a stream, a flow or a cause.
 *
 * More KEYS: list of positions, ids. One more of ARGV: id of one more event that may belong to them, or ``.
 */
export const READ_LISTED = script(`
${BOUNDS}
local list, length = KEYS[7], redis.call('LLEN', KEYS[7])
local function seek(target)
  local from, to = 0, length
  while from < to do
    local middle = math.floor((from + to) / 2)
    if tonumber(redis.call('LINDEX', list, middle)) < target then from = middle + 1 else to = middle end
  end
  return from
end
local start, stop
if backward then
  stop = seek(high + 1) - 1
  start = math.max(stop - limit + 1, 0)
else
  start = seek(low)
  stop = start + limit - 1
end
local found = {}
if stop >= 0 then
  for _, value in ipairs(redis.call('LRANGE', list, start, stop)) do
    local n = tonumber(value)
    if n >= low and n <= high then found[#found + 1] = n end
  end
end
local more = #found == limit
local extra = ARGV[6] ~= '' and tonumber(redis.call('HGET', KEYS[8], ARGV[6]) or 0) or 0
if extra >= low and extra <= high then found[#found + 1] = extra end
table.sort(found, function(a, b) if backward then return a > b end return a < b end)
for i = 1, math.min(#found, limit) do addAt(text(found[i])) end
if more or #found > limit then reply[1] = text(found[limit]) end
return reply
`);

/** The events that are not published. One more of KEYS: unsettled. */
export const READ_UNSETTLED = script(`
${BOUNDS}
local found
if backward then
  found = redis.call('ZREVRANGEBYSCORE', KEYS[7], text(high), text(low), 'LIMIT', 0, limit)
else
  found = redis.call('ZRANGEBYSCORE', KEYS[7], text(low), text(high), 'LIMIT', 0, limit)
end
for _, n in ipairs(found) do addAt(n) end
if #found == limit then reply[1] = found[limit] end
return reply
`);

/** Events of a stream. KEYS: log, publication, list of positions. ARGV: first version, the most events wanted. */
export const READ_STREAM = script(`
${REPLY}
local from = tonumber(ARGV[1]) - 1
for _, n in ipairs(redis.call('LRANGE', KEYS[3], from, from + tonumber(ARGV[2]) - 1)) do addAt(n) end
return reply
`);

/** KEYS: position. */
export const HEAD = script(`return redis.call('GET', KEYS[1])`);

/** KEYS: types. */
export const TYPES = script(`return redis.call('SMEMBERS', KEYS[1])`);

/** The number of entries of streams, or of lists. */
export const COUNT = script(`
local count = 0
for _, key in ipairs(KEYS) do
  count = count + redis.call(redis.call('TYPE', key).ok == 'list' and 'LLEN' or 'XLEN', key)
end
return count
`);
