import { NOW, script } from '../../../clients/redis/script.js';

/**
 * Renews the leases of entries. KEYS: stream. ARGV: group, consumer, ids. Replies with the server's time, then the ids
 * that somebody else owns. An entry that nobody owns was deleted and is left alone: its handler may finish.
 */
export const RENEW = script(`${NOW}
local reply, own = {now}, {}
for i = 3, #ARGV do
  local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1)
  if pending.err then
    if string.sub(pending.err, 1, 7) == 'NOGROUP' then return reply end
    return pending
  end
  if #pending == 1 then
    if pending[1][2] == ARGV[2] then own[#own + 1] = ARGV[i] else reply[#reply + 1] = ARGV[i] end
  end
end
if #own > 0 then
  own[#own + 1] = 'JUSTID'
  redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, unpack(own))
end
return reply
`);

/** One page of entries whose lease is over. KEYS: stream. ARGV: group, min idle, start, count. */
export const OVERDUE = script(`
return redis.call('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[2], ARGV[3], '+', ARGV[4])
`);

/**
 * Claims entries whose lease is over. KEYS: stream. ARGV: group, consumer, min idle, ids. Replies with the server's
 * time, the number of entries that were deleted before anybody handled them, and the claimed entries.
 */
export const CLAIM = script(`${NOW}
local lost, claimed = 0, {}
for i = 4, #ARGV do
  local id = ARGV[i]
  if #redis.call('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[3], id, id, 1) == 1 then
    local entry = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], id)[1]
    if entry then
      claimed[#claimed + 1] = entry
    else
      redis.call('XACK', KEYS[1], ARGV[1], id)
      lost = lost + 1
    end
  end
end
return {now, lost, claimed}
`);
