import { FIELDS, NOW, script } from '../../../clients/redis/script.js';
import { OWNS } from './fragments.js';

/** Who has the lease of a shard, in or out of time. Stored as "end beginning owner". */
const OWNER_OF = `
local function ownerOf(owners, shard)
  return string.match(redis.call('HGET', owners, shard) or '', '^%d+ %d+ (.*)$')
end
`;

/** Settles the number of shards of a namespace with the first process that names one. KEYS: number. ARGV: number. */
export const AGREE = script(`
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
`);

/**
 * Says that a process is there, or that it leaves, renews its shards and takes free ones up to its share. Shares
 * differ by one at most; whoever has the larger ones keeps them. KEYS: members, owners, moves. ARGV: consumer, lease,
 * number of shards, '1' to stay or '0' to leave. Replies with the server's time, the share, and each shard it has with
 * the time since when: a later one than before means that others may have had it meanwhile.
 */
export const HOLD = script(`${NOW}
local me, lease, shards, staying = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local changed
if staying then
  changed = redis.call('ZADD', KEYS[1], now + lease, me)
else
  changed = redis.call('ZREM', KEYS[1], me)
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if changed == 1 then redis.call('XADD', KEYS[3], 'MAXLEN', 1, '*', 'member', me) end

local stored, flat = {}, redis.call('HGETALL', KEYS[2])
for i = 1, #flat, 2 do stored[flat[i]] = flat[i + 1] end
local held, mine, since, free = {}, {}, {}, {}
for shard = 0, shards - 1 do
  local ends, began, owner = string.match(stored[tostring(shard)] or '', '^(%d+) (%d+) (.*)$')
  if owner == me then
    mine[#mine + 1], since[shard] = shard, began
  elseif owner and tonumber(ends) > now then
    held[owner] = (held[owner] or 0) + 1
  else
    free[#free + 1] = shard
  end
end

local share = 0
if staying then
  held[me] = #mine
  local members = redis.call('ZRANGE', KEYS[1], 0, -1)
  table.sort(members)
  local base, larger = math.floor(shards / #members), shards % #members
  share = base
  for _, member in ipairs(members) do
    if larger > 0 and (held[member] or 0) > base then
      larger = larger - 1
      if member == me then share = base + 1 end
    end
  end
  if #mine <= base and larger > 0 then share = base + 1 end
  while #mine < share and #free > 0 do mine[#mine + 1] = table.remove(free, 1) end
end
local reply = {now, share}
for _, shard in ipairs(mine) do
  local began = since[shard] or string.format('%.0f', now)
  redis.call('HSET', KEYS[2], shard, string.format('%.0f %s %s', now + lease, began, me))
  reply[#reply + 1] = shard
  reply[#reply + 1] = began
end
return reply
`);

/**
 * Gives up a shard. What it had there and did not handle is counted as it is told, so that a shutdown is no failed
 * delivery. KEYS: owners, moves, stream. ARGV: group, consumer, shard, then id and deliveries of each entry.
 */
export const RELEASE = script(`${OWNS}${OWNER_OF}
local stream, group, me = KEYS[3], ARGV[1], ARGV[2]
if ownerOf(KEYS[1], ARGV[3]) ~= me then return 0 end
redis.call('HDEL', KEYS[1], ARGV[3])
redis.call('XADD', KEYS[2], 'MAXLEN', 1, '*', 'shard', ARGV[3])
for i = 4, #ARGV, 2 do
  if owns(stream, group, me, ARGV[i]) then
    redis.call('XCLAIM', stream, group, me, 0, ARGV[i], 'RETRYCOUNT', ARGV[i + 1], 'JUSTID')
  end
end
if #redis.call('XPENDING', stream, group, '-', '+', 1, me) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', stream, group, me)
end
return 1
`);

/**
 * Takes over a page of what earlier owners left, in order and whatever its age: having the shard is what counts. How
 * often an entry was delivered stays as it is; see BEGIN. KEYS: owners, stream, progress. ARGV: group, consumer,
 * shard, start, count. Replies nil for a shard of somebody else; otherwise with the id to go on after, or '' at the end,
 * the number of entries that were deleted before anybody handled them, id, deliveries, fields and progress of each, and
 * the id of the last entry that the group was given.
 */
export const TAKE_OVER = script(`${FIELDS}${OWNER_OF}
local stream, group, me = KEYS[2], ARGV[1], ARGV[2]
if ownerOf(KEYS[1], ARGV[3]) ~= me then return nil end
local rows = redis.call('XPENDING', stream, group, ARGV[4], '+', ARGV[5])
local entries, lost = {}, 0
for _, row in ipairs(rows) do
  local id, field = row[1], ARGV[3] .. ':' .. row[1]
  local entry = redis.call('XRANGE', stream, id, id)[1]
  if entry then
    redis.call('XCLAIM', stream, group, me, 0, id, 'JUSTID')
    entries[#entries + 1] = {id, row[4], entry[2], redis.call('HGET', KEYS[3], field) or ''}
  else
    redis.call('XACK', stream, group, id)
    redis.call('HDEL', KEYS[3], field)
    lost = lost + 1
  end
end
local last = #rows == tonumber(ARGV[5]) and rows[#rows][1] or ''
local given = '0-0'
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
  local one = fields(flat)
  if one.name == group then given = one['last-delivered-id'] end
end
if last == '' then
  for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
    local other = fields(flat)
    if other.name ~= me and other.pending == 0 then redis.call('XGROUP', 'DELCONSUMER', stream, group, other.name) end
  end
end
return {last, lost, entries, given}
`);

/**
 * Counts a delivery of an entry that was taken over, before its handlers start: what crashes the process is told by it
 * from what only waited behind it. KEYS: stream. ARGV: group, consumer, id, deliveries. Replies 0 when it is not ours.
 */
export const BEGIN = script(`${OWNS}
if not owns(KEYS[1], ARGV[1], ARGV[2], ARGV[3]) then return 0 end
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'RETRYCOUNT', ARGV[4], 'JUSTID')
return 1
`);

/**
 * Reads what is new in shards, for their owner alone: first what it was given in an answer that was lost. KEYS: owners,
 * streams. ARGV: group, consumer, then for each stream the shard, the most to read, and the id of the last entry that it
 * has seen. Replies for each stream with the entries, or nil when the shard is somebody else's.
 */
export const READ = script(`${OWNER_OF}
local group, me = ARGV[1], ARGV[2]

local function unseen(stream, most, last)
  local entries = {}
  for _, row in ipairs(redis.call('XPENDING', stream, group, '(' .. last, '+', most, me)) do
    local entry = redis.call('XRANGE', stream, row[1], row[1])[1]
    if entry then entries[#entries + 1] = entry else redis.call('XACK', stream, group, row[1]) end
  end
  return entries
end

local reply = {}
for i = 2, #KEYS do
  local at = i * 3 - 3
  if ownerOf(KEYS[1], ARGV[at]) == me then
    local entries = unseen(KEYS[i], ARGV[at + 1], ARGV[at + 2])
    local left = ARGV[at + 1] - #entries
    local read = left > 0 and redis.call('XREADGROUP', 'GROUP', group, me, 'COUNT', left, 'STREAMS', KEYS[i], '>')
    for _, entry in ipairs(read and read[1][2] or {}) do entries[#entries + 1] = entry end
    reply[i - 1] = entries
  else
    reply[i - 1] = false
  end
end
return reply
`);

/**
 * ACK for entries of several streams. KEYS: streams. ARGV: group, consumer, deadline, then the number of the stream and
 * the id of each. Replies with the number of entries that were not ours any more.
 */
export const ACK_SHARDS = script(`${NOW}${OWNS}
local stale, early = 0, now < tonumber(ARGV[3])
for i = 4, #ARGV, 2 do
  local stream, id = KEYS[tonumber(ARGV[i])], ARGV[i + 1]
  if early or owns(stream, ARGV[1], ARGV[2], id) then
    redis.call('XACK', stream, ARGV[1], id)
  else
    stale = stale + 1
  end
end
return stale
`);
