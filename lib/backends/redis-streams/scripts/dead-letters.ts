import { ADD_DEAD, CLOSE_DEAD, NOW, script } from './script.js';

/** Writes dead letters. KEYS: the four of the dead letters. ARGV: (id, failed at, entry)... */
export const DEAD_ADD = script(`${ADD_DEAD}
for i = 1, #ARGV, 3 do addDead(ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
return 1
`);

/** A dead letter and its status. ARGV: id. */
export const DEAD_GET = script(`
return {redis.call('HGET', KEYS[1], ARGV[1]), redis.call('HGET', KEYS[2], ARGV[1])}
`);

/** Open dead letters. */
export const DEAD_SIZE = script(`
return redis.call('ZCARD', KEYS[3]) - redis.call('ZCARD', KEYS[4])
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
