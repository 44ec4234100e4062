import { peer } from '../peers.js';
import type { Payload } from '../payload.js';
import type { Link, Transport } from '../transport.js';
import { dropSchema } from './schema.js';

const QUEUE = 'bench';
const CONNECTIONS = 10;
/** The shortest that it allows, and a batch that makes up for it. */
const WORK = { pollingIntervalSeconds: 0.5, batchSize: 1_000 };

interface Job {
  readonly data: Payload;
}

interface Boss {
  on(event: 'error', listener: (error: Error) => void): void;
  start(): Promise<unknown>;
  stop(options: { graceful: boolean }): Promise<void>;
  createQueue(name: string): Promise<void>;
  send(name: string, data: Payload): Promise<string | null>;
  work(name: string, options: typeof WORK, handle: (jobs: Job[]) => Promise<void>): Promise<string>;
}

const PgBoss = peer<new (options: object) => Boss>('pg-boss');

async function open({ url, namespace }: Link): Promise<Boss> {
  const boss = new PgBoss({
    connectionString: url,
    schema: namespace,
    max: CONNECTIONS,
    supervise: false,
    schedule: false,
  });
  boss.on('error', (error) => {
    throw error;
  });
  await boss.start();
  return boss;
}

/** pg-boss with its `send` and its `work`. */
export const pgBoss: Transport = {
  prepare: async (link) => {
    const boss = await open(link);
    await boss.createQueue(QUEUE);
    await boss.stop({ graceful: false });
  },
  produce: async (link) => {
    const boss = await open(link);
    return { send: (payload) => boss.send(QUEUE, payload), close: () => boss.stop({ graceful: false }) };
  },
  consume: async (link, handle) => {
    const boss = await open(link);
    await boss.work(QUEUE, WORK, async (jobs) => {
      for (const { data } of jobs) await handle(data);
    });
    return { close: () => boss.stop({ graceful: false }) };
  },
  remove: dropSchema,
};
