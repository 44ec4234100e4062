import { Queue, Worker } from 'bullmq';
import type { Payload } from '../payload.js';
import type { Link, Transport } from '../transport.js';

const QUEUE = 'bench';
const BULK = 100;
const CONCURRENCY = 100;

function connectionOf({ url }: Link) {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port), maxRetriesPerRequest: null };
}

function transport(bulk: boolean): Transport {
  return {
    prepare: () => Promise.resolve(),
    produce: async (link) => {
      const queue = new Queue(QUEUE, {
        connection: connectionOf(link),
        defaultJobOptions: { removeOnComplete: true },
      });
      await queue.waitUntilReady();
      return {
        send: (payload) => queue.add('payment', payload),
        bulk: bulk
          ? { size: BULK, send: (all) => queue.addBulk(all.map((data) => ({ name: 'payment', data }))) }
          : undefined,
        close: () => queue.close(),
      };
    },
    consume: async (link, handle) => {
      const worker = new Worker<Payload>(QUEUE, async ({ data }) => handle(data), {
        connection: connectionOf(link),
        concurrency: CONCURRENCY,
        ...(link.leaseMs && { lockDuration: link.leaseMs, stalledInterval: link.leaseMs }),
      });
      await worker.waitUntilReady();
      return { close: () => worker.close() };
    },
  };
}

/** BullMQ, each job added by itself. */
export const bullmq = transport(false);
/** BullMQ, a hundred jobs added at a time. */
export const bullmqBulk = transport(true);
