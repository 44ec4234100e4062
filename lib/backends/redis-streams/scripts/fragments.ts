/**
 * Appends what is stored for an entry, "delivery, newline, event", to a stream; an event of a shard, "@shard, newline,
 * event", to that shard of the stream.
 */
export const APPEND = `
local function append(stream, payload)
  local cut = string.find(payload, '\\n', 1, true)
  local shard = string.match(payload, '^@(%d+)\\n')
  if shard then
    redis.call('XADD', stream .. ':' .. shard, '*', 'event', string.sub(payload, cut + 1))
  elseif cut == 1 then
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

/** Id of the newest entry that a stream ever had. Scripts that contain it begin with FIELDS. */
export const LAST_ID_OF = `
local function lastIdOf(stream)
  local info = redis.pcall('XINFO', 'STREAM', stream)
  if info.err then return '0-0' end
  return fields(info)['last-generated-id']
end
`;
