import { script } from '../../clients/redis/script.js';

/** What a key holds that is marked. While it is claimed, it holds its owner. */
export const HANDLED = 'handled';

/*
 * KEYS are inbox keys; the reply is one number for each. Keys of one call may be the same twice.
 */

/** ARGV: owner, lease. Replies with -1 for claimed, -2 for handled, else how long another claim holds. */
export const CLAIM = script(`
local replies = {}
for i, key in ipairs(KEYS) do
  local value = redis.call('GET', key)
  if not value then
    redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
    replies[i] = -1
  elseif value == '${HANDLED}' then
    replies[i] = -2
  else
    replies[i] = math.max(redis.call('PTTL', key), 0)
  end
end
return replies
`);

/** ARGV: mark, retention. */
export const COMPLETE = script(`
for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1], 'PX', ARGV[2]) end
return {}
`);

/** ARGV: owner. */
export const RELEASE = script(`
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
end
return {}
`);

/** ARGV: owner, lease. Replies with 1 for what is the owner's. */
export const RENEW = script(`
local replies = {}
for i, key in ipairs(KEYS) do
  replies[i] = redis.call('GET', key) == ARGV[1] and redis.call('PEXPIRE', key, ARGV[2]) or 0
end
return replies
`);
