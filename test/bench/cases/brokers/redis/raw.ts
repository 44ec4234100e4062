import { Redis } from 'ioredis';
import type { Payload } from '../payload.js';
import type { Transport } from '../transport.js';

const STREAM = 'bench:raw';
const GROUP = 'bench';
const COUNT = 100;

type Reply = [stream: string, entries: [id: string, fields: [name: string, json: string]][]][] | null;

/** What one would write by hand: the payload alone, no envelope, no retry, nothing that survives a failure. */
export const raw: Transport = {
  prepare: async ({ url }) => {
    const client = new Redis(url);
    await client.xgroup('CREATE', STREAM, GROUP, '0', 'MKSTREAM');
    await client.quit();
  },
  produce: async ({ url }) => {
    const client = new Redis(url, { enableAutoPipelining: true });
    return {
      send: (payload) => client.xadd(STREAM, '*', 'data', JSON.stringify(payload)),
      close: async () => client.disconnect(),
    };
  },
  consume: async ({ url }, handle) => {
    const reader = new Redis(url);
    const acknowledger = new Redis(url);
    let closing = false;
    const loop = async (): Promise<void> => {
      while (!closing) {
        const reply = (await reader.xreadgroup(
          ...(['GROUP', GROUP, 'one', 'COUNT', COUNT, 'BLOCK', 500, 'STREAMS', STREAM, '>'] as const),
        )) as Reply;
        if (reply === null) continue;
        const [, entries] = reply[0]!;
        const ids = entries.map(([id, [, json]]) => {
          // None of those that take time are used here.
          void handle(JSON.parse(json) as Payload);
          return id;
        });
        await acknowledger.xack(STREAM, GROUP, ...ids);
      }
    };
    const ended = loop();
    return {
      close: async () => {
        closing = true;
        await ended;
        reader.disconnect();
        acknowledger.disconnect();
      },
    };
  },
};
