import { NOW, script } from '../../../clients/redis/script.js';

/*
 * A checkpoint is a hash: position, data, savedAt, and while somebody holds it token and heldUntil. Times are those of
 * the server, so that the clocks of processes do not matter. The first of KEYS is the checkpoint.
 */

const OWN = `
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
`;

/** ARGV: token, lease. Replies with position and data, or nil while another token has it: an answer may have been lost. */
export const ACQUIRE = script(`
${NOW}
local token, held = unpack(redis.call('HMGET', KEYS[1], 'token', 'heldUntil'))
if held and tonumber(held) > now and token ~= ARGV[1] then return false end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'heldUntil', now + ARGV[2])
return redis.call('HMGET', KEYS[1], 'position', 'data')
`);

/** One more of KEYS: the names. ARGV: token, lease, name, position or ``, data or ``. Replies with 0 when it is lost. */
export const SAVE = script(`
${OWN}
${NOW}
redis.call('HSET', KEYS[1], 'position', ARGV[4], 'data', ARGV[5], 'savedAt', now, 'heldUntil', now + ARGV[2])
redis.call('ZADD', KEYS[2], 0, ARGV[3])
return 1
`);

/** ARGV: token, lease. Replies with 0 when it is lost. */
export const RENEW = script(`
${OWN}
${NOW}
redis.call('HSET', KEYS[1], 'heldUntil', now + ARGV[2])
return 1
`);

/** ARGV: token. What was never saved leaves nothing behind. */
export const RELEASE = script(`
${OWN}
redis.call('HDEL', KEYS[1], 'token', 'heldUntil')
return 1
`);

/** KEYS: checkpoints. Replies for each with savedAt, position, data, and 1 when somebody holds it. */
export const READ = script(`
${NOW}
local replies = {}
for i, key in ipairs(KEYS) do
  local fields = redis.call('HMGET', key, 'savedAt', 'position', 'data', 'heldUntil')
  fields[4] = fields[4] and tonumber(fields[4]) > now and 1 or 0
  replies[i] = fields
end
return replies
`);

/** KEYS: the names. ARGV: what they begin with. */
export const NAMES = script(`
if ARGV[1] == '' then return redis.call('ZRANGE', KEYS[1], 0, -1) end
return redis.call('ZRANGEBYLEX', KEYS[1], '[' .. ARGV[1], '[' .. ARGV[1] .. '\\255')
`);

/** One more of KEYS: the names. ARGV: name. */
export const REMOVE = script(`
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
`);

/** KEYS: snapshots. ARGV: stream id, version, JSON. A newer one stays. */
export const SAVE_SNAPSHOT = script(`
local old = redis.call('HGET', KEYS[1], ARGV[1])
if old and tonumber(string.match(old, '^%d+')) > tonumber(ARGV[2]) then return end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
`);

/** KEYS: snapshots. ARGV: stream id. */
export const LOAD_SNAPSHOT = script(`return redis.call('HGET', KEYS[1], ARGV[1])`);

/** KEYS: snapshots. ARGV: stream id. */
export const REMOVE_SNAPSHOT = script(`redis.call('HDEL', KEYS[1], ARGV[1])`);
