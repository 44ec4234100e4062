import type { EmitReceipt } from '../../emit/publisher.js';
import type { Emitted, EventRecorder, RecorderHost } from '../../emit/recorder.js';
import { toError } from '../../dispatch/failure.js';
import { EventConfigurationError, EventError, EventPublishError } from '../../errors.js';
import type { Event } from '../../event.js';
import { Appends } from './appends.js';
import type { ResolvedRecording } from './recording-options.js';
import { Settlements } from './settlements.js';

/** What recording in either mode has in common. */
export abstract class StoreRecorder implements EventRecorder {
  readonly name = 'event store';
  pending = 0;
  protected readonly appends: Appends;
  protected readonly settlements: Settlements;
  #opening: Promise<void> | undefined;

  constructor(
    protected readonly options: ResolvedRecording,
    protected readonly host: RecorderHost,
  ) {
    this.appends = new Appends(options);
    this.settlements = new Settlements(options.store, (error) => host.report(error));
  }

  abstract assertCan(emitted: Emitted): void;

  handle(event: Event, run: () => Promise<void>): Promise<void> {
    if (!this.options.covers(event)) return run();
    return this.underWay(async () => {
      await this.appends.add(event, 'inline');
      await run();
    });
  }

  async publish(emitted: Emitted, inline?: () => Promise<void>): Promise<EmitReceipt> {
    if (this.options.covers(emitted.event)) return this.underWay(() => this.publishKept(emitted, inline));
    await inline?.();
    const { event, options } = emitted.outgoing;
    return this.host.publisher.publish(event, options);
  }

  async publishAll(emitted: readonly Emitted[]): Promise<(EmitReceipt | Error)[]> {
    const isKept = emitted.map(({ event }) => this.options.covers(event));
    const others = emitted.filter((_, i) => !isKept[i]).map(({ outgoing }) => outgoing);
    const kept = emitted.filter((_, i) => isKept[i]);
    const [ofKept, ofOthers] = await Promise.all([
      this.underWay(() => this.publishAllKept(kept)).catch((error: Error) => kept.map(() => error)),
      others.length === 0 ? [] : this.host.publisher.publishAll(others),
    ]);
    return isKept.map((kept) => (kept ? ofKept : ofOthers).shift()!);
  }

  async idle(_signal: AbortSignal): Promise<void> {}

  open(): Promise<void> {
    return this.ready();
  }

  async stop(): Promise<void> {}

  async close(): Promise<void> {
    await this.settlements.close();
    await this.options.store.close();
  }

  /** Resolves when the store can be appended to: what is emitted before the bus starts does not wait for that. */
  protected ready(): Promise<void> {
    return (this.#opening ??= this.begin().catch((error: unknown) => {
      this.#opening = undefined; // a store that was down may be up at the next try
      throw error;
    }));
  }

  protected begin(): Promise<void> {
    return this.options.store.open();
  }

  protected abstract publishKept(
    emitted: Emitted,
    inline: (() => Promise<void>) | undefined,
  ): Promise<EmitReceipt>;

  protected abstract publishAllKept(emitted: readonly Emitted[]): Promise<(EmitReceipt | Error)[]>;

  /** @throws {EventConfigurationError} when the caller has a transaction that the store cannot be part of. */
  protected assertCanJoin({ event, outgoing: { options } }: Emitted): void {
    const { store } = this.options;
    if (options?.transaction === undefined || store.transaction !== undefined) return;
    throw new EventConfigurationError(
      `Event '${event.type}' was emitted with a transaction, but the store '${store.name}' cannot be part of one. Leave 'transaction' out, or use a store in the database of the transaction, such as PostgresEventStore.`,
    );
  }

  protected async underWay<T>(work: () => Promise<T>): Promise<T> {
    this.pending++;
    try {
      await this.ready().catch((cause: unknown) => {
        throw this.#notOpened(cause);
      });
      return await work();
    } finally {
      this.pending--;
    }
  }

  #notOpened(cause: unknown): Error {
    if (cause instanceof EventError) return cause;
    return new EventPublishError(
      `The store '${this.options.store.name}' could not be opened, so nothing was published: ${toError(cause).message}`,
      { cause },
    );
  }
}
