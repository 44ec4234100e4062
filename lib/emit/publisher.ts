import {
  ACCEPTED,
  type EventBackend,
  type PublishOptions,
  type PublishReceipt,
} from '../backends/backend.js';
import { EventConfigurationError, EventError, EventPublishError } from '../errors.js';
import type { Event } from '../event.js';
import type { Observers } from '../observer.js';
import { inTime } from '../timer.js';
import { PublishBatcher } from './publish-batcher.js';

/** Says that the backend has an event. */
export interface EmitReceipt {
  /** Id of the event. */
  readonly id: string;
  /** Name of the backend that stored it. */
  readonly backend: string;
  /** True when the backend had an event of this id already, so that this one was left out. */
  readonly duplicate?: boolean;
}

const STORED: PublishReceipt = Object.freeze({});

/** How events are published. */
export interface PublisherOptions {
  readonly batching?: { readonly size: number; readonly maxDelayMs: number } | undefined;
  readonly publishTimeoutMs?: number | undefined;
}

/** One event on its way to the backend. */
export interface Outgoing {
  readonly event: Event;
  readonly options?: PublishOptions;
}

/** Hands events to the backend and makes sure that a caller never takes an unconfirmed one for stored. */
export class Publisher {
  /** Events the backend has confirmed. */
  published = 0;
  /** Events it has not confirmed yet. */
  pending = 0;
  readonly #batcher: PublishBatcher | undefined;
  readonly #timeoutMs: number | undefined;

  constructor(
    private readonly backend: EventBackend,
    private readonly watch: Pick<Observers, 'publishing' | 'published' | 'publishFailed'>,
    { batching, publishTimeoutMs }: PublisherOptions = {},
  ) {
    this.#timeoutMs = publishTimeoutMs;
    if (batching !== undefined) {
      this.#batcher = new PublishBatcher(batching, (entries) => this.#sendBatch(entries));
    }
  }

  /**
   * Resolves when the backend confirmed the event; rejects with an {@link EventError} otherwise.
   *
   * @throws {EventConfigurationError} when the backend cannot do what the options ask for.
   */
  publish(event: Event, options?: PublishOptions): Promise<EmitReceipt> {
    this.#prepare(event, options);
    let stored: Promise<PublishReceipt | void>;
    try {
      // A transaction of the caller does not wait for company.
      const batcher = options?.transaction === undefined ? this.#batcher : undefined;
      stored = batcher?.add({ event, options }) ?? this.backend.publish(event, options);
    } catch (cause) {
      return Promise.reject(this.#failed(event, cause));
    }
    return stored === ACCEPTED ? Promise.resolve(this.#confirmed(event)) : this.#confirm(event, stored);
  }

  /** Publishes many, in one round trip where the backend can. One result per event, in order. */
  async publishAll(outgoing: readonly Outgoing[]): Promise<(EmitReceipt | Error)[]> {
    for (const { event, options } of outgoing) this.#prepare(event, options);
    const results = await this.#inTime(this.#sendBatch(outgoing)).catch((error: unknown) =>
      outgoing.map(() => error as Error),
    );
    return outgoing.map(({ event }, i) => {
      const result = results[i];
      return result instanceof Error ? this.#failed(event, result) : this.#confirmed(event, result);
    });
  }

  /** Sends what batching still holds back. */
  flush(): Promise<void> {
    return this.#batcher?.flush() ?? Promise.resolve();
  }

  /** @throws {EventConfigurationError} when the backend cannot. */
  async cancel(eventId: string): Promise<boolean> {
    if (this.backend.cancel !== undefined) return this.backend.cancel(eventId);
    throw new EventConfigurationError(
      `Event ${eventId} was to be cancelled, but the backend '${this.backend.name}' cannot take back delayed events.`,
    );
  }

  /** @throws {EventConfigurationError} when the backend cannot do what the options ask for. */
  assertCan(event: Event, options: PublishOptions | undefined): void {
    if (options === undefined) return;
    const { name, capabilities } = this.backend;
    if (options.transaction !== undefined && !capabilities?.transactions) {
      throw new EventConfigurationError(
        `Event '${event.type}' was emitted with a transaction, but the backend '${name}' cannot publish as part of one. Leave 'transaction' out, or use a backend with the 'transactions' capability, such as PostgresBackend.`,
      );
    }
    if (options.delayMs === undefined || capabilities?.delay) return;
    throw new EventConfigurationError(
      `Event '${event.type}' was emitted with a delay, but the backend '${name}' cannot delay events. Leave 'delayMs' and 'at' out, or use a backend with the 'delay' capability.`,
    );
  }

  #prepare(event: Event, options: PublishOptions | undefined): void {
    this.assertCan(event, options);
    this.pending++;
    this.watch.publishing(event);
  }

  async #confirm(event: Event, stored: Promise<PublishReceipt | void>): Promise<EmitReceipt> {
    let receipt: PublishReceipt | void;
    try {
      receipt = await this.#inTime(stored);
    } catch (cause) {
      throw this.#failed(event, cause);
    }
    return this.#confirmed(event, receipt);
  }

  /** The event may be stored nevertheless: what comes after the time is not waited for. */
  #inTime<T>(stored: Promise<T>): Promise<T> {
    const timeoutMs = this.#timeoutMs;
    if (timeoutMs === undefined) return stored;
    return inTime(
      stored,
      timeoutMs,
      () => new Error(`it did not answer within publishTimeoutMs = ${timeoutMs}`),
    );
  }

  #confirmed(event: Event, receipt?: PublishReceipt | void): EmitReceipt {
    this.pending--;
    this.published++;
    this.watch.published(event, receipt ?? STORED);
    const { id } = event;
    const backend = this.backend.name;
    return receipt?.duplicate === true ? { id, backend, duplicate: true } : { id, backend };
  }

  #failed(event: Event, cause: unknown): Error {
    this.pending--;
    const error = publishError(event, this.backend.name, cause);
    this.watch.publishFailed(event, error);
    return error;
  }

  async #sendBatch(entries: readonly Outgoing[]): Promise<PublishResult[]> {
    if (this.backend.publishBatch !== undefined) {
      try {
        return assertOneEach(await this.backend.publishBatch(entries), entries.length, this.backend.name);
      } catch (error) {
        return entries.map(() => error as Error);
      }
    }
    const sent = await Promise.allSettled(
      entries.map(async ({ event, options }) => this.backend.publish(event, options)),
    );
    return sent.map((result) => (result.status === 'rejected' ? (result.reason as Error) : result.value));
  }
}

/** What became of one event of a batch. */
export type PublishResult = Error | PublishReceipt | void;

/** A result that is missing would read as a success. */
function assertOneEach(results: PublishResult[], count: number, backend: string): PublishResult[] {
  if (Array.isArray(results) && results.length === count) return results;
  throw new EventPublishError(
    `The backend '${backend}' did not give one result for each of ${count} events from publishBatch(), so none counts as stored.`,
  );
}

function publishError(event: Event, backend: string, cause: unknown): Error {
  if (cause instanceof EventError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new EventPublishError(
    `The backend '${backend}' did not confirm event '${event.type}' (${event.id}): ${why}`,
    { cause },
  );
}
