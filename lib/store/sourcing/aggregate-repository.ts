import { Logger } from '@nestjs/common';
import { checkWhole, refusedOption } from '../../clients/options.js';
import { toError } from '../../dispatch/failure.js';
import { EventConfigurationError, StreamConflictError } from '../../errors.js';
import { DEFAULT_SOURCE, Event } from '../../event.js';
import { toCurrent } from '../../schema/validate.js';
import type { SqlClient } from '../../sql-client.js';
import { pause } from '../../timer.js';
import type { EventStore } from '../event-store.js';
import type { StoredEvent } from '../stored-event.js';
import { Aggregate, type AggregateClass } from './aggregate.js';
import type { AnyAggregateDefinition, NewEventsOf, StateOf } from './aggregate-definition.js';
import { lostInJson } from './snapshot-state.js';

/** Events that are read at a time. */
const PAGE = 500;
/** The longest pause before a command is tried again, in milliseconds: so much more each time, up to a limit. */
const PAUSE_MS = 20;
const MAX_PAUSE_MS = 200;

/** Options of {@link AggregateRepository}. */
export interface AggregateRepositoryOptions {
  /** The service that emits the events: their `source`. Default `app`. */
  readonly source?: string | undefined;
  /** How often a command is decided again after somebody else was faster. Default 3. */
  readonly retries?: number | undefined;
  /** Told when a snapshot could not be saved or read, which costs time and nothing else. Default: it is logged. */
  readonly onError?: ((error: Error, streamId: string) => void) | undefined;
}

/** Options of `save`. */
export interface SaveOptions {
  /**
   * Appends within this transaction of the store's database. No snapshot is made then. Should it not commit, load the
   * aggregate again: this one believes itself saved.
   */
  readonly transaction?: SqlClient | undefined;
}

/** Options of `handle`. */
export interface HandleOptions {
  /** How often to decide again after somebody else was faster. Default: that of the repository. */
  readonly retries?: number | undefined;
}

/**
 * Loads aggregates from their streams of events, and saves what happened to them: nothing, or all of it, and only if
 * nobody else has changed the aggregate meanwhile.
 *
 * @example
 * const repository = new AggregateRepository(store, orders);
 * await repository.handle('4711', ({ state }) => pay(state, 100));
 */
export class AggregateRepository<D extends AnyAggregateDefinition, A extends Aggregate<D> = Aggregate<D>> {
  readonly #store: EventStore;
  readonly #definition: D;
  readonly #make: (id: string) => A;
  readonly #source: string;
  readonly #retries: number;
  readonly #onError: NonNullable<AggregateRepositoryOptions['onError']>;
  /** Up to which version there is a snapshot, as far as this repository knows. */
  readonly #snapshots = new WeakMap<Aggregate<D>, number>();

  /**
   * @param aggregate A definition, or a class that has one.
   * @throws {EventConfigurationError} naming the option that cannot be used.
   */
  constructor(
    store: EventStore,
    aggregate: D | AggregateClass<D, A>,
    { source = DEFAULT_SOURCE, retries = 3, onError }: AggregateRepositoryOptions = {},
  ) {
    this.#store = store;
    this.#make =
      typeof aggregate === 'function' ? (id) => new aggregate(id) : (id) => new Aggregate(id, aggregate) as A;
    this.#definition = typeof aggregate === 'function' ? aggregate.definition : aggregate;
    if (this.#definition === undefined) this.#make('any'); // says what is missing
    const user = `the repository of '${this.#definition.name}'`;
    if (typeof source !== 'string' || source === '') {
      throw refusedOption('source', source, user, 'a non-empty string');
    }
    this.#source = source;
    this.#retries = checkWhole('retries', retries, user, 0);
    const logger = new Logger('AggregateRepository');
    this.#onError =
      onError ?? ((error, streamId) => logger.warn(`The snapshot of '${streamId}': ${error.message}`));
  }

  /** The aggregate as its events made it; one of version 0 when there are none. */
  async load(id: string): Promise<A> {
    const aggregate = this.#make(id);
    await this.#restore(aggregate);
    const { streamId } = aggregate;
    for (let full = true; full;) {
      const page = await this.#store.streamPage(streamId, aggregate.version + 1, PAGE);
      for (const event of page) {
        const current = this.#current(event);
        aggregate.replay(current instanceof Promise ? await current : current, event.streamVersion!);
      }
      full = page.length === PAGE;
    }
    return aggregate;
  }

  /**
   * Appends what happened to the aggregate. When it rejects with anything but a conflict, the events may be stored or
   * not; saving the same aggregate again is safe and stores them once.
   *
   * @throws {StreamConflictError} when somebody else changed it since it was loaded. Load it again.
   */
  async save(aggregate: A, { transaction }: SaveOptions = {}): Promise<void> {
    const { uncommitted, version, streamId } = aggregate;
    if (uncommitted.length === 0) return;
    const events = uncommitted.map((event) => this.#fromHere(event));
    await this.#store.appendBatch(events, { streamId, expectedVersion: version, transaction });
    aggregate.committed(version + events.length);
    if (transaction === undefined) await this.#snapshot(aggregate);
  }

  /**
   * Loads, lets a function decide, and saves. When somebody else was faster, all of it is done again, with what they
   * left. Commands are handled as if there were one at a time.
   *
   * @param decide Applies events to the aggregate, or returns them. Must have no other effect: it may run again.
   * @returns The aggregate after it.
   * @throws {StreamConflictError} when others were faster each time.
   * @throws Whatever `decide` throws. Nothing is stored then.
   */
  async handle(
    id: string,
    decide: (aggregate: A) => Decision<D> | Promise<Decision<D>>,
    { retries = this.#retries }: HandleOptions = {},
  ): Promise<A> {
    for (let attempt = 1; ; attempt++) {
      const aggregate = await this.load(id);
      const decided: unknown = (await decide(aggregate)) ?? [];
      for (const event of Array.isArray(decided) ? decided : [decided]) {
        aggregate.apply(event as NewEventsOf<D>);
      }
      try {
        await this.save(aggregate);
        return aggregate;
      } catch (error) {
        if (!(error instanceof StreamConflictError) || attempt > retries) throw error;
        await pause(Math.random() * Math.min(PAUSE_MS * attempt, MAX_PAUSE_MS));
      }
    }
  }

  /** A definition of its own reads an event as the aggregate expects it; others are the store's business. */
  #current(event: StoredEvent): Event | Promise<Event> {
    const definition = this.#definition.events.get(event.type);
    if (definition === undefined) return this.#store.present(event);
    return toCurrent(event, definition, { validate: true, acceptNewer: false });
  }

  #fromHere(event: Event): Event {
    if (event.source === this.#source) return event;
    const { id, key, correlationId, causationId, metadata } = event;
    const extras = { id, key, correlationId, causationId, metadata };
    return new Event(event.type, event.data, event.createdAtMs, this.#source, event.version, extras);
  }

  async #restore(aggregate: A): Promise<void> {
    const { snapshotEvery, form } = this.#definition;
    if (snapshotEvery === undefined) return;
    const { streamId } = aggregate;
    try {
      const snapshot = await this.#store.snapshots.load(streamId);
      if (snapshot?.form !== form) return;
      aggregate.restore(snapshot.state as StateOf<D>, snapshot.version);
      this.#snapshots.set(aggregate, snapshot.version);
    } catch (error) {
      this.#onError(toError(error), streamId);
    }
  }

  async #snapshot(aggregate: A): Promise<void> {
    const { name, snapshotEvery, form } = this.#definition;
    const { version, state, streamId, uncommitted } = aggregate;
    // Something may have happened to it while it was being saved: then the state is ahead of the version.
    if (snapshotEvery === undefined || uncommitted.length > 0) return;
    if (version - (this.#snapshots.get(aggregate) ?? 0) < snapshotEvery) return;
    try {
      const lost = lostInJson(state);
      if (lost !== undefined) {
        throw new EventConfigurationError(
          `A snapshot of aggregate '${name}' would lose ${lost}, which JSON cannot keep. Let the state have texts, numbers, booleans, lists and plain objects only, or leave out 'snapshotEvery'.`,
        );
      }
      await this.#store.snapshots.save({ streamId, version, state, form });
      this.#snapshots.set(aggregate, version);
    } catch (error) {
      this.#onError(toError(error), streamId);
    }
  }
}

/** What a command may come to: nothing, or nothing but what it applied itself; an event; or several. */
export type Decision<D extends AnyAggregateDefinition> =
  void | undefined | NewEventsOf<D> | readonly NewEventsOf<D>[];
