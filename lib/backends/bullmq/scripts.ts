import { script } from '../../clients/redis/script.js';

/*
 * What BullMQ has no method for. The keys and fields are those of BullMQ 6: `ats` of a job counts how often it was
 * taken up, and the scores of the delayed ones are Unix milliseconds times 4096.
 */

/**
 * Takes a delayed job that no worker has had out of all queues, or out of none. KEYS: a receipt, then of each queue the
 * prefix of its jobs, the delayed jobs and the event stream. ARGV: job id, milliseconds that the receipt is kept. Replies
 * with 1 when it was there.
 */
export const CANCEL = script(`
if redis.call('EXISTS', KEYS[1]) == 1 then return 1 end
local found = {}
for i = 2, #KEYS, 3 do
  local job = KEYS[i] .. ARGV[1]
  if redis.call('EXISTS', job) == 1 then
    if redis.call('HEXISTS', job, 'ats') == 1 or not redis.call('ZSCORE', KEYS[i + 1], ARGV[1]) then return 0 end
    found[#found + 1] = i
  end
end
for _, i in ipairs(found) do
  redis.call('ZREM', KEYS[i + 1], ARGV[1])
  redis.call('DEL', KEYS[i] .. ARGV[1], KEYS[i] .. ARGV[1] .. ':logs')
  redis.call('XADD', KEYS[i + 2], '*', 'event', 'removed', 'jobId', ARGV[1], 'prev', 'delayed')
end
if #found == 0 then return 0 end
redis.call('SET', KEYS[1], '', 'PX', ARGV[2])
return 1
`);

/** Jobs that wait for their time are looked at up to here. */
const LOOK_AT = 1000;

/**
 * Whether a queue has anything to do but events that are delayed. KEYS: prefix of its jobs, waiting, active, prioritized
 * and delayed jobs. ARGV: now. Replies with 1 or 0.
 */
export const BUSY = script(`
local jobs = redis.call('LLEN', KEYS[2]) + redis.call('LLEN', KEYS[3]) + redis.call('ZCARD', KEYS[4])
if jobs > 0 then return 1 end
for i, id in ipairs(redis.call('ZRANGE', KEYS[5], 0, ${LOOK_AT - 1})) do
  if i == 1 and tonumber(redis.call('ZSCORE', KEYS[5], id)) / 4096 <= tonumber(ARGV[1]) then return 1 end
  if redis.call('HEXISTS', KEYS[1] .. id, 'ats') == 1 then return 1 end
end
return 0
`);
