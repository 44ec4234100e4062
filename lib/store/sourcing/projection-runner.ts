import { Logger } from '@nestjs/common';
import { EventConfigurationError } from '../../errors.js';
import type { EventStore } from '../event-store.js';
import type { StoredEvent } from '../stored-event.js';
import type { EventSubscription, SubscribeOptions } from '../subscription-options.js';
import { checkProjection, type Projection } from './projection.js';

/** A failure of a projection. */
export interface ProjectionFailure {
  /** Name of the projection. */
  readonly projection: string;
  /** What it could not handle; `undefined` when its `reset` failed, or the store. */
  readonly event?: StoredEvent | undefined;
  /** Which try this was, from 1. */
  readonly attempt: number;
}

/** Options of {@link ProjectionRunner}. */
export interface ProjectionRunnerOptions extends Pick<SubscribeOptions, 'pollMs' | 'leaseMs'> {
  /**
   * Told of each failure. What failed is tried again, with a growing pause of up to 30 seconds, and what comes behind it
   * waits; `'skip'` goes on behind the event instead, which is then missing in the read model. Default: it is logged.
   */
  readonly onError?: ((error: Error, failure: ProjectionFailure) => 'skip' | void) | undefined;
}

/** How a projection is doing. */
export interface ProjectionStatus {
  readonly name: string;
  /** In this process: `waiting` while another one runs it, `stopped` when the runner is. */
  readonly state: EventSubscription['state'];
  /** The last event it is known to be done with, in whatever process; `undefined` before the first. */
  readonly position: string | undefined;
  /** Milliseconds for which the oldest event that it has not handled has been in the store; 0 when it is up to date. */
  readonly lagMs: number;
  /** Its last failure in this process, until it has handled another event. */
  readonly error: Error | undefined;
}

/** A projection in this process. */
interface Entry {
  readonly projection: Projection;
  subscription: EventSubscription | undefined;
  failure: { readonly error: Error; readonly position: string | undefined } | undefined;
}

/**
 * Keeps read models up to date. However many processes run a projection, one of them at a time handles its events; when
 * it stops or dies, another goes on from the checkpoint.
 */
export class ProjectionRunner {
  readonly #store: EventStore;
  readonly #options: Pick<SubscribeOptions, 'pollMs' | 'leaseMs'>;
  readonly #onError: NonNullable<ProjectionRunnerOptions['onError']>;
  readonly #entries = new Map<string, Entry>();
  #running = false;

  /** @throws {EventConfigurationError} naming the projection, or the option, that cannot be used. */
  constructor(
    store: EventStore,
    projections: readonly Projection[],
    { pollMs, leaseMs, onError }: ProjectionRunnerOptions = {},
  ) {
    this.#store = store;
    this.#options = { pollMs, leaseMs };
    this.#onError = onError ?? log;
    for (const projection of projections) this.add(projection);
  }

  /** Adds a projection; starts it when the others are running. */
  add(projection: Projection): void {
    const { name, transaction } = checkProjection(projection);
    if (this.#entries.has(name)) {
      throw new EventConfigurationError(
        `There are two projections named '${name}'. Each needs a name of its own: it names the checkpoint.`,
      );
    }
    if (transaction && this.#store.transaction === undefined) {
      throw new EventConfigurationError(
        `Projection '${name}' has transaction: true, but the store '${this.#store.name}' has no transactions. Leave it out, or use PostgresEventStore.`,
      );
    }
    const entry: Entry = { projection, subscription: undefined, failure: undefined };
    this.#entries.set(name, entry);
    if (this.#running) this.#begin(entry);
  }

  /** Begins to handle events. May be called twice. @throws {EventConfigurationError} naming the option that is wrong. */
  start(): void {
    this.#running = true;
    for (const entry of this.#entries.values()) this.#begin(entry);
  }

  /** Ends after the events that are being handled, and lets other processes take over. May be called twice. */
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all([...this.#entries.values()].map((entry) => this.#end(entry)));
  }

  /**
   * Resolves when a projection, or each of them, has handled every event that is in the store now.
   *
   * @throws {EventTimeoutError} when that takes longer than `timeoutMs`. Default: no limit.
   * @throws {EventConfigurationError} when there is no such projection, or the runner is not started.
   */
  async caughtUp(name?: string, options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const entries = name === undefined ? [...this.#entries.values()] : [this.#entry(name)];
    const caughtUp = ({ subscription, projection }: Entry) => {
      if (subscription !== undefined) return subscription.caughtUp(options);
      throw new EventConfigurationError(
        `Projection '${projection.name}' cannot catch up: the runner is not started.`,
      );
    };
    await Promise.all(entries.map(caughtUp));
  }

  /**
   * Empties a read model and builds it up again from the first event; readers see it grow. Should the process die
   * meanwhile, the next one goes on. Where the runner is not started, the projection runs until it is done.
   *
   * Only with `transaction: true` is it certain that another process that is running the projection writes nothing more.
   *
   * @returns When it has handled every event that was in the store at the call.
   * @throws {EventTimeoutError} when that takes longer than `timeoutMs`. Default: no limit. It goes on all the same.
   * @throws {EventConfigurationError} when there is no such projection.
   */
  async rebuild(name: string, options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const entry = this.#entry(name);
    await this.#end(entry);
    try {
      // Whoever takes it up without a checkpoint resets the read model first, even after a crash right here.
      await this.#store.checkpoints.remove(checkpointOf(entry.projection));
      await this.#begin(entry).caughtUp(options);
    } finally {
      if (this.#running) this.#begin(entry);
      else await this.#end(entry);
    }
  }

  /** How each projection is doing, in the order in which they were given. */
  status(): Promise<ProjectionStatus[]> {
    return Promise.all([...this.#entries.values()].map((entry) => this.#statusOf(entry)));
  }

  async #statusOf({ projection, subscription, failure }: Entry): Promise<ProjectionStatus> {
    const { name, types } = projection;
    const own = subscription?.position;
    const position = own ?? (await this.#store.checkpoints.read(checkpointOf(projection)))?.position;
    const [next] = await this.#store.page({ types, after: position, limit: 1 });
    return {
      name,
      state: subscription?.state ?? 'stopped',
      position,
      lagMs: next === undefined ? 0 : Math.max(0, Date.now() - next.recordedAt.getTime()),
      error: failure !== undefined && failure.position === own ? failure.error : undefined,
    };
  }

  #begin(entry: Entry): EventSubscription {
    const { projection } = entry;
    const { name, types, transaction, batchSize } = projection;
    return (entry.subscription ??= this.#store.subscribe(
      { types },
      (event, context) => projection.handle(event, context),
      {
        ...this.#options,
        name: checkpointOf(projection),
        transaction,
        batchSize,
        prepare: async (context) => {
          await projection.reset(context);
          entry.failure = undefined;
        },
        onError: (error, event, attempt) => {
          entry.failure = { error, position: entry.subscription?.position };
          return this.#onError(error, { projection: name, event, attempt });
        },
      },
    ));
  }

  async #end(entry: Entry): Promise<void> {
    await entry.subscription?.stop();
    entry.subscription = undefined;
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    const known = [...this.#entries.keys()].map((each) => `'${each}'`).join(', ');
    throw new EventConfigurationError(`There is no projection '${name}'. There are: ${known || 'none'}.`);
  }
}

function checkpointOf({ name }: Projection): string {
  return `projection:${name}`;
}

function log(error: Error, { projection, event, attempt }: ProjectionFailure): void {
  const subject = event === undefined ? 'Its reset, or the store' : `Event '${event.type}' (${event.id})`;
  new Logger(`Projection(${projection})`).error(
    `${subject}, attempt ${attempt}: ${error.message}`,
    error.stack,
  );
}
