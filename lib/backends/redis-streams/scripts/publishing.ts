import { APPEND, NOW, script } from './script.js';

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
