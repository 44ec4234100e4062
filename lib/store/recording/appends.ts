import { Batcher } from '../../batcher.js';
import { toError } from '../../dispatch/failure.js';
import { EventError, EventPublishError, EventSerializationError, EventTooLargeError } from '../../errors.js';
import type { Event } from '../../event.js';
import type { SqlClient } from '../../sql-client.js';
import type { AppendOptions, AppendResult } from '../event-store.js';
import type { Publication } from '../stored-event.js';
import type { ResolvedRecording } from './recording-options.js';

/** The most events in one append. */
const BATCH = 500;

interface Entry {
  readonly event: Event;
  readonly publication: Publication;
}

/** Appends what is emitted, in that order; events that are emitted side by side go together. */
export class Appends {
  readonly #batcher = new Batcher<Entry, AppendResult>((entries) => this.#appendAll(entries), BATCH);

  constructor(private readonly options: ResolvedRecording) {}

  /** @throws {EventPublishError} (rejects) when the store did not keep the event. */
  add(event: Event, publication: Publication): Promise<AppendResult> {
    return this.#batcher.add({ event, publication });
  }

  /** As {@link add}, in a transaction of the caller. */
  async addIn(transaction: SqlClient, event: Event, publication: Publication): Promise<AppendResult> {
    const { options } = this;
    const written: AppendOptions = { streamId: options.streamOf(event), publication, transaction };
    const [result] = await this.#append([event], written);
    if (result instanceof Error) throw result;
    return result!;
  }

  async #appendAll(entries: readonly Entry[]): Promise<(AppendResult | Error)[]> {
    const results: (AppendResult | Error)[] = [];
    const append = async ({ options, indexes }: Group) => {
      const events = indexes.map((index) => entries[index]!.event);
      const appended = await this.#append(events, options);
      indexes.forEach((index, i) => (results[index] = appended[i]!));
    };
    await Promise.all(this.#groupsOf(entries, results).map(append));
    return results;
  }

  /** Events that can be appended together: of one stream. Those whose stream is not known have their error already. */
  #groupsOf(entries: readonly Entry[], results: (AppendResult | Error)[]): Group[] {
    const groups = new Map<string, Group>();
    entries.forEach(({ event, publication }, index) => {
      try {
        const streamId = this.options.streamOf(event);
        const key = JSON.stringify([publication, streamId]);
        const group = groups.get(key);
        if (group === undefined) groups.set(key, { options: { streamId, publication }, indexes: [index] });
        else group.indexes.push(index);
      } catch (thrown) {
        results[index] = toError(thrown);
      }
    });
    return [...groups.values()];
  }

  /** A batch is appended as a whole or not at all: when one event is at fault, the others are appended without it. */
  async #append(events: readonly Event[], options: AppendOptions): Promise<(AppendResult | Error)[]> {
    const { store } = this.options;
    try {
      return await store.appendBatch(
        events.map((event) => this.options.redacted(event)),
        options,
      );
    } catch (thrown) {
      if (events.length === 1 || !isAtFault(thrown))
        return events.map((event) => this.#failure(event, thrown));
    }
    const results: (AppendResult | Error)[] = [];
    for (const event of events) results.push(...(await this.#append([event], options)));
    return results;
  }

  #failure(event: Event, cause: unknown): Error {
    if (cause instanceof EventError) return cause;
    return new EventPublishError(
      `The store '${this.options.store.name}' did not keep event '${event.type}' (${event.id}), so it was not published: ${toError(cause).message}`,
      { cause },
    );
  }
}

interface Group {
  readonly options: AppendOptions;
  readonly indexes: number[];
}

function isAtFault(thrown: unknown): boolean {
  return thrown instanceof EventSerializationError || thrown instanceof EventTooLargeError;
}
