import { script } from '../../../clients/redis/script.js';

/** Events of a block. One that is full is followed by another; one call fills one block only, and may overfill it. */
const BLOCK = 256;

/**
 * Appends batches of events, each all or none.
 *
 * A position is the server's time in microseconds, or one more than the last position where time has not gone on. Hence
 * it never comes twice, not even after a crash or a failover that took the last events back: a reader which has seen
 * those does not take new ones for them.
 *
 * An event of a batch is looked up first, and the log is the first to be written: what Redis refuses (memory, a full
 * disk, a replica), it refuses there, before anything is changed. Telling of it comes last, and may fail.
 *
 * KEYS: position, log, ids, types, blocks, latest, earliest, publication, unsettled; then what ARGV has the numbers of.
 * ARGV: channel; then for each batch: number of the stream's key or 0, stream id, expected version (`` for any, `+` for
 * one that exists), publication or ``, number of events; and for each of these: id, JSON, type, number of the type's
 * key, of the source's key, of the keys of correlation and causation or 0, time of creation.
 *
 * Replies for each batch with -1 and the version that does not fit, or flat with position, version in the stream, and 1
 * for a duplicate for each event.
 */
export const APPEND = script(`
local position, log, ids, types, blocks, latest, earliest, publication, unsettled = unpack(KEYS, 1, 9)
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local last = tonumber(redis.call('GET', position) or 0)
local nextPosition = math.max(time[1] * 1000000 + time[2], last + 1)
local before = redis.call('XLEN', log)
local first, low, high
local knownTypes = {}

local function isExpected(expected, version)
  if expected == '' then return true end
  if expected == '+' then return version > 0 end
  return version == tonumber(expected)
end

local function append(at, streamKey, streamId, version, state)
  local id, createdAt = ARGV[at], tonumber(ARGV[at + 7])
  local n = string.format('%.0f', nextPosition)
  local entry = n .. '-0'
  redis.call('XADD', log, entry, 'e', ARGV[at + 1], 't', now, 's', streamId, 'v', version, 'p', state)
  redis.call('HSET', ids, id, n)
  redis.call('XADD', KEYS[tonumber(ARGV[at + 3])], entry, '', '')
  redis.call('XADD', KEYS[tonumber(ARGV[at + 4])], entry, '', '')
  for more = at + 5, at + 6 do
    if ARGV[more] ~= '0' then redis.call('RPUSH', KEYS[tonumber(ARGV[more])], n) end
  end
  if streamKey ~= 0 then redis.call('RPUSH', KEYS[streamKey], n) end
  if state == 'pending' or state == 'failed' then
    redis.call('HSET', publication, n, state)
    redis.call('ZADD', unsettled, n, n)
  end
  local type = ARGV[at + 2]
  if not knownTypes[type] then
    redis.call('SADD', types, type)
    knownTypes[type] = true
  end
  first = first or n
  low = math.min(low or createdAt, createdAt)
  high = math.max(high or createdAt, createdAt)
  nextPosition = nextPosition + 1
  return n
end

local function versionAt(n)
  local entry = redis.call('XRANGE', log, n, n)[1]
  return entry and tonumber(entry[2][8]) or 0
end

local function appendAll(at, count, streamKey, streamId, expected, state)
  local known, anyFresh = {}, false
  for i = 1, count do
    known[i] = redis.call('HGET', ids, ARGV[at + (i - 1) * 8])
    anyFresh = anyFresh or not known[i]
  end
  local version = streamKey == 0 and 0 or redis.call('LLEN', KEYS[streamKey])
  if anyFresh and not isExpected(expected, version) then return { -1, version } end
  local reply, twice = {}, {}
  for i = 1, count do
    local id = ARGV[at + (i - 1) * 8]
    local n = known[i] or twice[id]
    local duplicate = n and 1 or 0
    local itsVersion
    if n then
      itsVersion = versionAt(n)
    else
      if streamKey ~= 0 then version = version + 1 end
      itsVersion = version
      n = append(at + (i - 1) * 8, streamKey, streamId, version, state)
      twice[id] = n
    end
    local to = #reply
    reply[to + 1], reply[to + 2], reply[to + 3] = n, itsVersion, duplicate
  end
  return reply
end

local function noteTimes()
  local lastBlock = redis.call('LINDEX', blocks, -1)
  local number = redis.call('LLEN', blocks) - 1
  if not lastBlock or before - tonumber(string.match(lastBlock, ':(%d+)$')) >= ${BLOCK} then
    number = redis.call('RPUSH', blocks, first .. ':' .. before) - 1
  end
  local block = string.format('%012d', number)
  local soFar = redis.call('ZRANGE', latest, -1, -1, 'WITHSCORES')[2]
  redis.call('ZADD', latest, math.max(high, tonumber(soFar or high)), block)
  local inBlock = redis.call('ZSCORE', earliest, block)
  local least = math.min(low, tonumber(inBlock or low))
  redis.call('ZREMRANGEBYSCORE', earliest, least, '+inf')
  redis.call('ZADD', earliest, least, block)
end

local replies = {}
local at = 2
while at <= #ARGV do
  local streamKey, count = tonumber(ARGV[at]), tonumber(ARGV[at + 4])
  replies[#replies + 1] = appendAll(at + 5, count, streamKey, ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
  at = at + 5 + count * 8
end
if first then
  redis.call('SET', position, string.format('%.0f', nextPosition - 1))
  noteTimes()
  redis.pcall('PUBLISH', ARGV[1], '')
end
return replies
`);

/**
 * Notes what became of publishing events. What was to be published, and is, needs no note.
 *
 * KEYS: log, ids, publication, unsettled. ARGV: publication, the same with the error behind it; ids.
 */
export const SETTLE = script(`
local log, ids, publication, unsettled = unpack(KEYS)
for i = 3, #ARGV do
  local n = redis.call('HGET', ids, ARGV[i])
  local entry = n and redis.call('XRANGE', log, n, n)[1]
  if entry then
    local begun = entry[2][10]
    if ARGV[1] == 'published' and (begun == 'pending' or begun == 'failed') then
      redis.call('HDEL', publication, n)
    else
      redis.call('HSET', publication, n, ARGV[2])
    end
    if ARGV[1] == 'published' then
      redis.call('ZREM', unsettled, n)
    else
      redis.call('ZADD', unsettled, n, n)
    end
  end
end
`);
