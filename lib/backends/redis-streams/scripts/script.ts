import { createHash } from 'node:crypto';

/** A Lua script and the digest that Redis knows it by. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

/** Makes a script of Lua. */
export function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/** Unix time of the server in milliseconds. */
export const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/** Appends what is stored for an entry, "delivery, newline, event", to a stream. */
export const APPEND = `
local function append(stream, payload)
  local cut = string.find(payload, '\\n', 1, true)
  if cut == 1 then
    redis.call('XADD', stream, '*', 'event', string.sub(payload, 2))
  else
    redis.call('XADD', stream, '*', 'event', string.sub(payload, cut + 1), 'delivery', string.sub(payload, 1, cut - 1))
  end
end
`;

/** Whether a consumer still owns an entry. */
export const OWNS = `
local function owns(stream, group, consumer, id)
  return #redis.call('XPENDING', stream, group, id, id, 1, consumer) == 1
end
`;

/** Writes a dead letter as dead. KEYS 1 to 4: dead, status, index, closed. */
export const ADD_DEAD = `
local function addDead(id, failedAt, entry)
  redis.call('HSET', KEYS[1], id, entry)
  redis.call('HSET', KEYS[2], id, 'dead')
  redis.call('ZADD', KEYS[3], failedAt, id)
  redis.call('ZREM', KEYS[4], id)
end
`;

/** Closes a dead letter and forgets the oldest closed ones above the limit. KEYS 1 to 4 as above. */
export const CLOSE_DEAD = `
local function closeDead(id, status, now, keep)
  redis.call('HSET', KEYS[2], id, status)
  redis.call('ZADD', KEYS[4], now, id)
  for _, old in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1 - keep)) do
    redis.call('HDEL', KEYS[1], old)
    redis.call('HDEL', KEYS[2], old)
    redis.call('ZREM', KEYS[3], old)
    redis.call('ZREM', KEYS[4], old)
  end
end
`;

/** Turns the flat reply of XINFO into a table. */
export const FIELDS = `
local function fields(flat)
  local result = {}
  for i = 1, #flat, 2 do result[flat[i]] = flat[i + 1] end
  return result
end
`;
