import { Redis } from 'ioredis';
import type { Payload } from '../payload.js';
import type { Transport } from '../transport.js';

const CHANNEL = 'bench:raw';

/** PUBLISH and SUBSCRIBE: what nobody hears is gone. */
export const rawPubSub: Transport = {
  prepare: () => Promise.resolve(),
  produce: ({ url }) => {
    const client = new Redis(url, { enableAutoPipelining: true });
    return Promise.resolve({
      send: (payload) => client.publish(CHANNEL, JSON.stringify(payload)),
      close: async () => client.disconnect(),
    });
  },
  consume: async ({ url }, handle) => {
    const client = new Redis(url);
    client.on('message', (_channel, json: string) => void handle(JSON.parse(json) as Payload));
    await client.subscribe(CHANNEL);
    return { close: async () => client.disconnect() };
  },
};
