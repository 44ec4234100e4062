import { setTimeout } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { HANDLED } from '../../../lib/backends/backend.js';
import { reviveEvent } from '../../../lib/wire/cloud-events.js';
import { RedisStreamsBackend } from '../../../lib/redis.js';

/** What a test tells this program. */
export interface OrderedConsumerSettings {
  readonly url: string;
  readonly namespace: string;
  readonly leaseMs: number;
  /** Redis list that gets "begin key type" and "end key type", in the order of the server. */
  readonly ledger: string;
  readonly workMs: number;
  /** An event of this type ends the process while it is handled. */
  readonly deadly?: string;
}

const settings = JSON.parse(process.env['SETTINGS']!) as OrderedConsumerSettings;
const { url, namespace, leaseMs, ledger, workMs, deadly } = settings;
const client = new Redis(url);
const backend = new RedisStreamsBackend({
  connection: url,
  namespace,
  group: 'service',
  leaseMs,
  maxDeliveries: 4,
});

await backend.subscribe(async (value) => {
  const { type, key } = reviveEvent(value);
  await client.rpush(ledger, `begin ${key} ${type}`);
  if (type === deadly) process.kill(process.pid, 'SIGKILL');
  await setTimeout(workMs);
  await client.rpush(ledger, `end ${key} ${type}`);
  return HANDLED;
});
process.send!('ready');
process.on('message', () => void backend.stats().then((stats) => process.send!(stats)));
