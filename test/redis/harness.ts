import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import {
  HANDLED,
  type BackendHost,
  type Delivery,
  type DispatchOutcome,
  type EventDispatcher,
} from '../../lib/backends/backend.js';
import type { RedisStreamsOptions } from '../../lib/backends/redis-streams/options.js';
import { createDeadLetter } from '../../lib/dead-letters/create-dead-letter.js';
import type { DeadLetter } from '../../lib/dead-letters/dead-letter.js';
import type { Event } from '../../lib/event.js';
import { RedisStreamsBackend } from '../../lib/redis.js';
import { reviveEvent } from '../../lib/wire/cloud-events.js';

/** One delivery as a dispatcher saw it. */
export interface Seen {
  event: Event;
  delivery: Delivery;
}

/** Answers a delivery. Nothing means: handled. */
export type Answer = (
  event: Event,
  delivery: Delivery,
) => Partial<DispatchOutcome> | void | Promise<Partial<DispatchOutcome> | void>;

/** Backends that share one server and one namespace, and what they reported. */
export class Harness {
  readonly namespace = `test-${randomUUID()}`;
  readonly reports: Error[] = [];
  /** For looking at what the backends did, and for doing what others might. */
  readonly client: Redis;
  readonly #backends: RedisStreamsBackend[] = [];

  constructor(readonly url: string) {
    this.client = new Redis(url);
    // Tests stop servers; what matters is what the backend does about it.
    this.client.on('error', () => undefined);
  }

  /** Full name of a key of the namespace. */
  key(name: string): string {
    return `{${this.namespace}}:${name}`;
  }

  backend(options: Partial<RedisStreamsOptions> = {}, host: Partial<BackendHost> = {}): RedisStreamsBackend {
    const backend = new RedisStreamsBackend({
      connection: this.url,
      namespace: this.namespace,
      group: 'service',
      leaseMs: 300,
      ...options,
    });
    backend.attach({
      source: 'app',
      onKeyFailure: 'block-key',
      hasBroadcastHandlers: () => false,
      patterns: () => [],
      handles: () => true,
      report: (error) => this.reports.push(error),
      deadLetter: () => Promise.reject(new Error('This backend keeps its dead letters itself.')),
      deadLettered: (_, error) => this.reports.push(error),
      ...host,
    });
    this.#backends.push(backend);
    return backend;
  }

  /** Subscribes with a dispatcher that answers as told, and collects what it is given. */
  async consume(backend: RedisStreamsBackend, answer: Answer = () => undefined): Promise<Seen[]> {
    const seen: Seen[] = [];
    await backend.subscribe(
      dispatcher((event, delivery) => {
        seen.push({ event, delivery });
        return answer(event, delivery);
      }),
    );
    return seen;
  }

  async close(): Promise<void> {
    await Promise.all(this.#backends.map((backend) => backend.close()));
    this.client.disconnect();
  }
}

export function dispatcher(answer: Answer): EventDispatcher {
  return async (value, delivery = {}) => ({ ...HANDLED, ...(await answer(reviveEvent(value), delivery)) });
}

/** Types of what was seen, sorted. */
export function typesOf(seen: readonly Seen[]): string[] {
  return seen.map(({ event }) => event.type).sort();
}

/** A dead letter of `event` and `handlerId`, as a dispatcher makes it. */
export function deadLetterOf(event: Event, handlerId: string, failedAt = new Date()): DeadLetter {
  const error = { name: 'Error', message: `no luck with ${event.type}` };
  const attempt = { at: failedAt.getTime(), durationMs: 1, error };
  return { ...createDeadLetter(event, handlerId, [attempt]), failedAt };
}

/** A promise and its resolver, for handlers that wait until the test says so. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}
