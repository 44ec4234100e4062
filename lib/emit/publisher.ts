import { ACCEPTED, type EventBackend, type PublishOptions } from '../backends/backend.js';
import { EventConfigurationError, EventError, EventPublishError } from '../errors.js';
import type { Event } from '../event.js';
import type { Observers } from '../observer.js';
import { PublishBatcher } from './publish-batcher.js';

/** Says that the backend has an event. */
export interface EmitReceipt {
  /** Id of the event. */
  readonly id: string;
  /** Name of the backend that stored it. */
  readonly backend: string;
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

  constructor(
    private readonly backend: EventBackend,
    private readonly watch: Pick<Observers, 'publishing' | 'publishFailed'>,
    batching?: { readonly size: number; readonly maxDelayMs: number },
  ) {
    if (batching !== undefined) {
      this.#batcher = new PublishBatcher(batching, (entries) => this.#sendBatch(entries));
    }
  }

  /**
   * Resolves when the backend confirmed the event; rejects with an {@link EventError} otherwise.
   *
   * @throws {EventConfigurationError} when the backend cannot delay.
   */
  publish(event: Event, delayMs?: number): Promise<EmitReceipt> {
    const outgoing = this.#prepare(event, delayMs);
    let stored: Promise<void>;
    try {
      stored = this.#batcher?.add({ event, options: outgoing }) ?? this.backend.publish(event, outgoing);
    } catch (cause) {
      return Promise.reject(this.#failed(event, cause));
    }
    return stored === ACCEPTED ? Promise.resolve(this.#confirmed(event)) : this.#confirm(event, stored);
  }

  /** Publishes many, in one round trip where the backend can. One result per event, in order. */
  async publishAll(events: readonly { event: Event; delayMs?: number }[]): Promise<(EmitReceipt | Error)[]> {
    const outgoing = events.map(({ event, delayMs }) => ({ event, options: this.#prepare(event, delayMs) }));
    const results = await this.#sendBatch(outgoing);
    return outgoing.map(({ event }, i) =>
      results[i] === undefined ? this.#confirmed(event) : this.#failed(event, results[i]),
    );
  }

  /** Sends what batching still holds back. */
  flush(): Promise<void> {
    return this.#batcher?.flush() ?? Promise.resolve();
  }

  /** @throws {EventConfigurationError} when the backend cannot delay. */
  assertCanDelay(event: Event, delayMs: number | undefined): void {
    if (delayMs === undefined || this.backend.capabilities?.delay) return;
    throw new EventConfigurationError(
      `Event '${event.type}' was emitted with a delay, but the backend '${this.backend.name}' cannot delay events. Leave 'delayMs' and 'at' out, or use a backend with the 'delay' capability.`,
    );
  }

  #prepare(event: Event, delayMs: number | undefined): PublishOptions | undefined {
    this.assertCanDelay(event, delayMs);
    this.pending++;
    this.watch.publishing(event);
    return delayMs === undefined ? undefined : { delayMs };
  }

  async #confirm(event: Event, stored: Promise<void>): Promise<EmitReceipt> {
    try {
      await stored;
    } catch (cause) {
      throw this.#failed(event, cause);
    }
    return this.#confirmed(event);
  }

  #confirmed(event: Event): EmitReceipt {
    this.pending--;
    this.published++;
    return { id: event.id, backend: this.backend.name };
  }

  #failed(event: Event, cause: unknown): Error {
    this.pending--;
    const error = publishError(event, this.backend.name, cause);
    this.watch.publishFailed(event, error);
    return error;
  }

  async #sendBatch(entries: readonly Outgoing[]): Promise<(Error | undefined)[]> {
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
    return sent.map((result) => (result.status === 'rejected' ? (result.reason as Error) : undefined));
  }
}

/** A result that is missing would read as a success. */
function assertOneEach(
  results: (Error | undefined)[],
  count: number,
  backend: string,
): (Error | undefined)[] {
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
