import { NOW, script } from '../../../clients/redis/script.js';
import { ADD_DEAD, CLOSE_DEAD, STATUS_OF } from '../../../dead-letters/redis/scripts.js';
import { APPEND, OWNS } from './fragments.js';

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

/**
 * Stores the outcome of a delivery, then acknowledges it: all of it or, when the entry is not ours any more, nothing.
 * An entry of a shard may have something left to do and stay pending: then it counts as delivered once.
 * KEYS: the four of the dead letters, source stream, retry stream, retry schedule, retry scheduled, and for an entry of
 * a shard its progress.
 * ARGV: group, consumer, entry id, closed limit, number of retries, (id, delay, payload)..., number of dead letters,
 * (id, failed at, entry)..., number of resolved, id..., and for an entry of a shard the field of its progress and what is
 * left or ''.
 * Replies 1, or 0 when nothing was done.
 */
export const SETTLE = script(`${NOW}${OWNS}${APPEND}${STATUS_OF}${ADD_DEAD}${CLOSE_DEAD}
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
  if statusOf(id) == 'retrying' then closeDead(id, 'resolved', '', ARGV[4]) end
end
if KEYS[9] then
  local field, left = take(), take()
  if left ~= '' then
    redis.call('HSET', KEYS[9], field, left)
    redis.call('XCLAIM', KEYS[5], ARGV[1], ARGV[2], 0, ARGV[3], 'RETRYCOUNT', 1, 'JUSTID')
    return 1
  end
  redis.call('HDEL', KEYS[9], field)
end
redis.call('XACK', KEYS[5], ARGV[1], ARGV[3])
return 1
`);
