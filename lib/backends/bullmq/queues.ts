import type { IRedisClient, Queue } from 'bullmq';
import type { RedisConnection } from '../../clients/redis/connection.js';
import { within } from '../../clients/in-time.js';
import { type BullMQ, loadBullMQ } from './load.js';
import { queueNameOf } from './names.js';
import type { ResolvedOptions } from './options.js';

/** Closing waits for a reply at most. */
const CLOSE_MS = 500;

/** A queue that can take jobs, and what adding one needs of it. */
export interface OpenQueue {
  readonly queue: Queue;
  readonly backend: ReturnType<Queue['getBackend']>;
  readonly client: IRedisClient;
}

/** BullMQ's queues, one per group, on the connection for commands. */
export class Queues {
  #loading: Promise<BullMQ> | undefined;
  #loaded = false;
  readonly #queues = new Map<string, Promise<OpenQueue>>();

  constructor(
    private readonly connection: RedisConnection,
    private readonly options: ResolvedOptions,
  ) {}

  /** @throws {EventConfigurationError} when the package is missing. */
  bullmq(): Promise<BullMQ> {
    return (this.#loading ??= loadBullMQ().then((bullmq) => {
      this.#loaded = true;
      return bullmq;
    }));
  }

  /** Whether the package is there already. */
  get loaded(): boolean {
    return this.#loaded;
  }

  nameOf(group: string): string {
    return queueNameOf(this.options.namespace, group);
  }

  /** Resolves when the queue can take jobs. */
  of(group: string): Promise<OpenQueue> {
    let queue = this.#queues.get(group);
    if (queue === undefined) {
      queue = this.#open(group);
      this.#queues.set(group, queue);
      // One that could not be opened is of no use for ever.
      queue.catch(() => this.#queues.delete(group));
    }
    return queue;
  }

  async close(): Promise<void> {
    const closings = [...this.#queues.values()].map(async (opened) => (await opened).queue.close());
    await within(CLOSE_MS, Promise.allSettled(closings));
  }

  async #open(group: string): Promise<OpenQueue> {
    const { Queue } = await this.bullmq();
    const { queueOptions, prefix } = this.options;
    const connection = await this.connection.open();
    const queue = new Queue(this.nameOf(group), { ...queueOptions, prefix, connection });
    // The connection tells its errors itself.
    queue.on('error', () => undefined);
    await queue.waitUntilReady();
    const backend = queue.getBackend();
    return { queue, backend, client: await backend.client };
  }
}
