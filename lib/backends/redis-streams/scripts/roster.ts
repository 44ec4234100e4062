import { NOW, script } from '../../../clients/redis/script.js';

/*
 * The roster of a group, KEYS 1 and 2 of every script here: a hash of patterns by consumer, with a field 'version' that
 * changes with any of them, and a sorted set of when each consumer's entry ends.
 */

const CHANGED = `
local function changed(by)
  redis.call('HSET', KEYS[1], 'version', string.format('%.0f:%s', now, by))
end
`;

/** Enters a consumer, or renews its entry, and strikes out those that fell silent. ARGV: consumer, lease, patterns. */
export const ANNOUNCE = script(`${NOW}${CHANGED}
local silent = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)
for _, consumer in ipairs(silent) do
  redis.call('HDEL', KEYS[1], consumer)
  redis.call('ZREM', KEYS[2], consumer)
end
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
if #silent == 0 and redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[3] then return end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
changed(ARGV[1])
`);

/** ARGV: the version that is known. Replies with the server's time and, if there is another one, the whole hash. */
export const READ_ROSTER = script(`${NOW}
if (redis.call('HGET', KEYS[1], 'version') or '') == ARGV[1] then return {now} end
return {now, redis.call('HGETALL', KEYS[1])}
`);
