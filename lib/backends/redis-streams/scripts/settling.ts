import { ADD_DEAD, APPEND, CLOSE_DEAD, NOW, OWNS, script } from './script.js';

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
