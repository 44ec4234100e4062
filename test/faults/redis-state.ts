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

  /** The consumer that holds the event: it was given it, and it was not acknowledged. */
  async holder(eventId: string): Promise<string | undefined> {
    const entries = await this.#entriesOf(eventId);
    return entries.find(({ pending }) => pending !== undefined)?.pending![1];
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
    const places = (await this.#entriesOf(eventId)).map(({ stream, entry, pending }) => {
      if (pending === undefined) return `${stream} ${entry} (not pending)`;
      const [, consumer, idleMs, deliveries] = pending;
      return `${stream} ${entry} (pending for ${consumer}, idle for ${idleMs} ms, delivery ${deliveries})`;
    });
    const schedule = this.#key(`retry-scheduled:${GROUP}`);
    for (const [id, payload] of Object.entries(await this.#client.hgetall(schedule)))
      if (payload.includes(eventId)) places.push(`${schedule} ${id}`);
    return places.length > 0 ? places.join(', ') : 'nowhere in Redis';
  }

  async close(): Promise<void> {
    this.#client.disconnect();
    await this.#operator.close();
  }

  async #entriesOf(eventId: string): Promise<{ stream: string; entry: string; pending?: PendingRow }[]> {
    const found = [];
    for (const stream of this.#streams()) {
      for (const [entry, fields] of await this.#client.xrange(stream, '-', '+')) {
        if (!fields.some((field) => field.includes(eventId))) continue;
        const [pending] = (await this.#client.xpending(stream, GROUP, entry, entry, 1)) as PendingRow[];
        found.push({ stream, entry, pending });
      }
    }
    return found;
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
