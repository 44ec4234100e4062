import { Redis } from 'ioredis';
import { ALL_HANDLERS, type DeadLetter } from '../../../lib/dead-letters/dead-letter.js';
import type { Event } from '../../../lib/event.js';
import { RedisStreamsBackend } from '../../../lib/redis.js';
import { GROUP } from '../programs/settings.js';
import type { BrokerView, Outstanding } from './broker-view.js';
import { everyDeadLetter } from './every-dead-letter.js';

/** One row of XPENDING. */
type PendingRow = [entry: string, consumer: string, idleMs: number, deliveries: number];
type Entry = [id: string, fields: string[]];

interface Place {
  readonly stream: string;
  readonly entry: string;
  readonly fields: readonly string[];
  readonly pending?: PendingRow;
}

/** Redis Streams, read with plain commands. */
export class RedisStreamsView implements BrokerView {
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

  async settled(): Promise<boolean> {
    const streams = await this.#streams();
    const transaction = this.#client.multi().zcard(this.#key(`retry-schedule:${GROUP}`));
    for (const stream of streams)
      transaction.xpending(stream, GROUP).xinfo('STREAM', stream).xinfo('GROUPS', stream);
    const [scheduled, ...replies] = (await transaction.exec())!.map(([error, reply]) => {
      if (error) throw error;
      return reply;
    });
    if (scheduled !== 0) return false;
    return streams.every((_, i) => {
      const [[pending], stream, groups] = replies.slice(i * 3) as [[number], unknown[], unknown[][]];
      const last = valueOf(ownGroup(groups)!, 'last-delivered-id');
      return pending === 0 && valueOf(stream, 'last-generated-id') === last;
    });
  }

  async outstanding(): Promise<Outstanding[]> {
    const found: Outstanding[] = [];
    // In the order in which work moves, so that what moves meanwhile is not missed.
    for (const stream of (await this.#streams()).toReversed()) {
      for (const { fields } of await this.#held(stream)) found.push(workOf(fields));
    }
    for (const payload of Object.values(await this.#retries())) {
      const [envelope, event] = payload.split('\n') as [string, string];
      found.push(workOf(['event', event, 'delivery', envelope]));
    }
    for (const stream of await this.#streams()) {
      for (const { fields } of await this.#held(stream)) found.push(workOf(fields));
    }
    return found;
  }

  deadLetters(): Promise<DeadLetter[]> {
    return everyDeadLetter(this.#operator.deadLetters);
  }

  async whereabouts(eventId: string): Promise<string> {
    const places: string[] = [];
    for (const stream of await this.#streams()) {
      for (const place of await this.#places(stream)) {
        if (!place.fields.some((field) => field.includes(eventId))) continue;
        const state = place.pending
          ? `pending for ${place.pending[1]}, idle for ${place.pending[2]} ms, delivery ${place.pending[3]}`
          : 'not pending';
        places.push(`${stream} ${place.entry} (${state})`);
      }
    }
    for (const [id, payload] of Object.entries(await this.#retries()))
      if (payload.includes(eventId)) places.push(`retry ${id}`);
    return places.length > 0 ? places.join(', ') : 'nowhere in Redis';
  }

  async publish(event: Event): Promise<void> {
    await this.#operator.publish(event);
  }

  async close(): Promise<void> {
    this.#client.disconnect();
    await this.#operator.close();
  }

  /** What the group was not given yet, or has not acknowledged. */
  async #held(stream: string): Promise<Place[]> {
    const group = await this.#group(stream);
    const last = group === undefined ? '0-0' : String(valueOf(group, 'last-delivered-id'));
    const places = await this.#places(stream);
    return places.filter(({ entry, pending }) => pending !== undefined || isAfter(entry, last));
  }

  async #places(stream: string): Promise<Place[]> {
    const pending = new Map<string, PendingRow>();
    if (await this.#group(stream)) {
      const rows = (await this.#client.xpending(stream, GROUP, '-', '+', 1_000_000)) as PendingRow[];
      for (const row of rows) pending.set(row[0], row);
    }
    const entries = (await this.#client.xrange(stream, '-', '+')) as Entry[];
    return entries.map(([entry, fields]) => ({ stream, entry, fields, pending: pending.get(entry) }));
  }

  async #group(stream: string): Promise<unknown[] | undefined> {
    return ownGroup((await this.#client.xinfo('GROUPS', stream)) as unknown[][]);
  }

  #retries(): Promise<Record<string, string>> {
    return this.#client.hgetall(this.#key(`retry-scheduled:${GROUP}`));
  }

  /** The one of all events, those of events with a key, and the one of retries: as they stand in Redis. */
  async #streams(): Promise<string[]> {
    const prefix = this.#key('');
    const keys = await this.#client.keys(`${prefix}*`);
    const names = keys.filter((key) => {
      const name = key.slice(prefix.length);
      return name === 'stream' || name.startsWith('stream:') || name === `retry:${GROUP}`;
    });
    return names.sort((a, b) => b.localeCompare(a));
  }

  #key(name: string): string {
    return `{${this.namespace}}:${name}`;
  }
}

/** Which handlers an entry is for. */
function workOf(fields: readonly string[]): Outstanding {
  const field = (name: string) => fields[fields.indexOf(name) + 1]!;
  const { id } = JSON.parse(field('event')) as { id: string };
  const envelope = fields.includes('delivery') && field('delivery');
  const { handlerId = ALL_HANDLERS } = envelope ? (JSON.parse(envelope) as { handlerId?: string }) : {};
  return { eventId: id, handlerId };
}

function isAfter(id: string, other: string): boolean {
  const [ms, n] = id.split('-').map(Number) as [number, number];
  const [otherMs, otherN] = other.split('-').map(Number) as [number, number];
  return ms > otherMs || (ms === otherMs && n > otherN);
}

/** There is none before the first consumer. */
function ownGroup(groups: readonly unknown[][]): unknown[] | undefined {
  return groups.find((group) => valueOf(group, 'name') === GROUP);
}

/** A value of XINFO, whose reply has names and values in turns. */
function valueOf(reply: readonly unknown[], name: string): unknown {
  return reply[reply.indexOf(name) + 1];
}
