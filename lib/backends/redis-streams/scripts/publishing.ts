import { NOW, script } from '../../../clients/redis/script.js';
import { APPEND } from './fragments.js';

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

/**
 * The same for events of several streams, and for those that are stored once only. KEYS: streams and marks. ARGV:
 * milliseconds that a mark stays, then for each event the numbers of its stream and its mark (0 for none) among the
 * keys, and the event. Replies as above; instead of an error there is 1 for an event whose mark was there already. The
 * mark comes last: without its event it would swallow the next try.
 */
export const PUBLISH_ROUTED = script(`
local function append(stream, mark, event)
  if mark and redis.call('EXISTS', mark) == 1 then return 1 end
  local reply = redis.pcall('XADD', stream, '*', 'event', event)
  if type(reply) == 'table' and reply.err then return reply.err end
  if mark then redis.call('SET', mark, 1, 'PX', ARGV[1]) end
end
local exceptions
for i = 2, #ARGV, 3 do
  local exception = append(KEYS[tonumber(ARGV[i])], KEYS[tonumber(ARGV[i + 1])], ARGV[i + 2])
  if exception then
    if exception ~= 1 and string.sub(exception, 1, 8) == 'READONLY' then return {err = exception} end
    exceptions = exceptions or {}
    exceptions[#exceptions + 1] = (i + 1) / 3
    exceptions[#exceptions + 1] = exception
  end
end
return exceptions
`);

/**
 * Puts one delayed entry on a schedule. KEYS: schedule, scheduled, and a mark for an event that is stored once only.
 * ARGV: name, delay, delivery and event, '1' if an entry of this name that is there stays, milliseconds that a mark
 * stays. Replies 1 for a duplicate, else 0.
 */
export const SCHEDULE = script(`${NOW}
if ARGV[4] == '1' and redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return 1 end
if KEYS[3] and redis.call('EXISTS', KEYS[3]) == 1 then return 1 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
if KEYS[3] then redis.call('SET', KEYS[3], 1, 'PX', ARGV[5]) end
return 0
`);

/**
 * Takes a delayed entry off a schedule. KEYS: schedule, scheduled, mark, receipt. ARGV: milliseconds that the receipt is
 * kept, then names that the entry may have, that of a chosen id first, which may be used again then. Replies 1, or 0 when
 * there is none.
 */
export const CANCEL = script(`
if redis.call('EXISTS', KEYS[4]) == 1 then return 1 end
for i = 2, #ARGV do
  if redis.call('ZREM', KEYS[1], ARGV[i]) == 1 then
    redis.call('HDEL', KEYS[2], ARGV[i])
    if i == 2 then redis.call('DEL', KEYS[3]) end
    redis.call('SET', KEYS[4], '', 'PX', ARGV[1])
    return 1
  end
end
return 0
`);

/**
 * Moves what is due from a schedule to its stream. KEYS: schedule, scheduled, stream. ARGV: limit.
 * Replies with the server's time, the number moved and the milliseconds until the next is due, -1 for none.
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
if #next == 0 then return {now, #ids, -1} end
return {now, #ids, math.max(0, next[2] - now)}
`);
