import { FIELDS, NOW, script } from '../../../clients/redis/script.js';
import { LAST_ID_OF } from './fragments.js';

/** Creates the group at the start of the stream unless it is there. KEYS: streams. ARGV: group. */
export const CREATE_GROUPS = script(`${NOW}
for _, stream in ipairs(KEYS) do
  local reply = redis.pcall('XGROUP', 'CREATE', stream, ARGV[1], '0', 'MKSTREAM')
  if reply.err and string.sub(reply.err, 1, 9) ~= 'BUSYGROUP' then return reply end
end
return now
`);

/** Ids of the newest entries that streams ever had. KEYS: streams. */
export const LAST_IDS = script(`${FIELDS}${LAST_ID_OF}
local ids = {}
for i, stream in ipairs(KEYS) do ids[i] = lastIdOf(stream) end
return ids
`);

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
 * else the last it was given; without groups everything is needed. KEYS: streams. ARGV: minimal age in milliseconds.
 */
export const TRIM = script(`${NOW}${FIELDS}
local function trim(stream)
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  if groups.err or #groups == 0 then return end
  local floorMs, floorSeq = now - ARGV[1], 0
  for _, flat in ipairs(groups) do
    local group = fields(flat)
    local id = group['last-delivered-id']
    if group.pending > 0 then id = redis.call('XPENDING', stream, group.name)[2] end
    local ms, seq = string.match(id, '(%d+)-(%d+)')
    ms, seq = tonumber(ms), tonumber(seq)
    if ms < floorMs or (ms == floorMs and seq < floorSeq) then floorMs, floorSeq = ms, seq end
  end
  if floorMs <= 0 then return end
  redis.call('XTRIM', stream, 'MINID', '=', string.format('%.0f-%.0f', floorMs, floorSeq))
end
for _, stream in ipairs(KEYS) do trim(stream) end
return 1
`);

/**
 * How much a group has to do. KEYS: retry schedule, schedule, dead index, dead closed, then its streams.
 * ARGV: group. Replies with unread, pending, scheduled retries, delayed events, delayed events that are due, open
 * dead letters. Unread is exact only up to ARGV[2] entries per stream, to cost little.
 */
export const GAUGES = script(`${NOW}${FIELDS}
local unread, pending = 0, 0
for i = 5, #KEYS do
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
  unread, pending, redis.call('ZCARD', KEYS[1]), redis.call('ZCARD', KEYS[2]),
  redis.call('ZCOUNT', KEYS[2], '-inf', now), redis.call('ZCARD', KEYS[3]) - redis.call('ZCARD', KEYS[4])
}
`);
