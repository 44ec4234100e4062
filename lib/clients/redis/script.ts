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

/** Turns the flat reply of XINFO into a table. */
export const FIELDS = `
local function fields(flat)
  local result = {}
  for i = 1, #flat, 2 do result[flat[i]] = flat[i + 1] end
  return result
end
`;
