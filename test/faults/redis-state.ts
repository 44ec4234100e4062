import { Redis } from 'ioredis';
import type { DeadLetter } from '../../lib/dead-letters/dead-letter.js';
import { RedisStreamsBackend } from '../../lib/redis.js';
import { GROUP } from './programs/settings.js';

/** One row of XPENDING. */
type PendingRow = [entry: string, consumer: string, idleMs: number, deliveries: number];

/** What is in Redis, read without the package; only dead letters are seen as an operator sees them. */
export class RedisState {
  readonly #client: Redis;
  readonly #operator: RedisStreamsBackend;

  constructor(
    url: string,
    readonly namespace: string,
  ) {
    this.#client = new Redis(url, { maxRetriesPerRequest: null });
    // Tests stop the server; who is waiting for an answer gets it when the server is back.
    this.#client.on('error', () => undefined);
    this.#operator = new RedisStreamsBackend({ connection: url, namespace, group: GROUP });
  }

  /** Everything was given to a process, and nothing is pending or waits for a retry. */
  async settled(): Promise<boolean> {
    const [stream, retry] = this.#streams();
    const replies = await this.#client
      .multi()
      .xpending(stream, GROUP)
      .xpending(retry, GROUP)
      .zcard(this.#key(`retry-schedule:${GROUP}`))
      .xinfo('STREAM', stream)
      .xinfo('STREAM', retry)
      .xinfo('GROUPS', stream)
      .xinfo('GROUPS', retry)
      .exec();
    const [pending, retrying, scheduled, ...info] = replies!.map(([error, reply]) => {
      if (error) throw error;
      return reply;
    }) as [[number], [number], number, unknown[], unknown[], unknown[][], unknown[][]];
    const [last, lastRetry, [group], [retryGroup]] = info;
    const read =
      valueOf(last, 'last-generated-id') === valueOf(group!, 'last-delivered-id') &&
      valueOf(lastRetry, 'last-generated-id') === valueOf(retryGroup!, 'last-delivered-id');
    return pending[0] + retrying[0] + scheduled === 0 && read;
  }

  /** Entries that were given to processes and not acknowledged. */
  async pending(): Promise<PendingRow[]> {
    const rows = await Promise.all(
      this.#streams().map((stream) => this.#client.xpending(stream, GROUP, '-', '+', 100_000)),
    );
    return rows.flat() as PendingRow[];
  }

  async deadLetters(): Promise<DeadLetter[]> {
    const found: DeadLetter[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.#operator.deadLetters.list({ limit: 1000, cursor });
      found.push(...page.entries);
      cursor = page.cursor;
    } while (cursor !== undefined);
    return found;
  }

  /** Every place that has the event, in words. */
  async whereabouts(eventId: string): Promise<string> {
    const places: string[] = [];
    const pending = new Map((await this.pending()).map((row) => [row[0], row]));
    for (const stream of this.#streams()) {
      for (const [entry, fields] of await this.#client.xrange(stream, '-', '+')) {
        if (!fields.some((field) => field.includes(eventId))) continue;
        const [, consumer, idleMs, deliveries] = pending.get(entry) ?? [];
        const state = consumer
          ? `pending for ${consumer}, idle for ${idleMs} ms, delivery ${deliveries}`
          : 'not pending';
        places.push(`${stream} ${entry} (${state})`);
      }
    }
    const schedule = this.#key(`retry-scheduled:${GROUP}`);
    for (const [id, payload] of Object.entries(await this.#client.hgetall(schedule)))
      if (payload.includes(eventId)) places.push(`${schedule} ${id}`);
    return places.length > 0 ? places.join(', ') : 'nowhere in Redis';
  }

  async close(): Promise<void> {
    this.#client.disconnect();
    await this.#operator.close();
  }

  #streams(): [stream: string, retry: string] {
    return [this.#key('stream'), this.#key(`retry:${GROUP}`)];
  }

  #key(name: string): string {
    return `{${this.namespace}}:${name}`;
  }
}

/** A value of XINFO, whose reply has names and values in turns. */
function valueOf(reply: readonly unknown[], name: string): unknown {
  return reply[reply.indexOf(name) + 1];
}
