import { isPermanent, toError } from '../../dispatch/failure.js';
import type { EmitReceipt } from '../../emit/publisher.js';
import type { Emitted } from '../../emit/recorder.js';
import { abortion } from '../../clients/in-time.js';
import { EventConfigurationError, EventSerializationError, EventTooLargeError } from '../../errors.js';
import { pause } from '../../timer.js';
import type { AppendResult } from '../event-store.js';
import type { EventSubscription } from '../subscription-options.js';
import type { StoredEvent } from '../stored-event.js';
import { StoreRecorder } from './store-recorder.js';

/** How long the making of the checkpoint may take before another process tries, in milliseconds. */
const BEGIN_LEASE_MS = 5000;
const LOOK_MS = 50;

/**
 * Mode `publish`: an event is appended, and that is all. One process at a time publishes what is in the store, in its
 * order, and goes on where it or another one was.
 */
export class PublishFromStore extends StoreRecorder {
  #subscription: EventSubscription | undefined;

  assertCan(emitted: Emitted): void {
    const { event, outgoing } = emitted;
    if (!this.options.covers(event)) return this.host.publisher.assertCan(outgoing.event, outgoing.options);
    this.assertCanJoin(emitted);
    if (outgoing.options?.delayMs === undefined) return;
    throw new EventConfigurationError(
      `Event '${event.type}' was emitted with a delay, but with mode 'publish' of the option 'store' events are published as soon as they are stored. Leave 'delayMs' and 'at' out, or use mode 'record'.`,
    );
  }

  override async open(): Promise<void> {
    await super.open();
    const { store, types, name, pollMs, leaseMs } = this.options;
    this.#subscription ??= store.subscribe({ types }, (event) => this.#publish(event), {
      name,
      pollMs,
      leaseMs,
      asStored: true,
      onError: (error) => this.host.report(error),
    });
  }

  override async idle(signal: AbortSignal): Promise<void> {
    if (this.#subscription !== undefined)
      await Promise.race([this.#subscription.caughtUp(), abortion(signal)]);
  }

  override async stop(): Promise<void> {
    await this.#subscription?.stop();
  }

  override async close(): Promise<void> {
    await this.stop();
    await super.close();
  }

  protected override async begin(): Promise<void> {
    await super.begin();
    await this.#beginAtTheEnd();
  }

  protected async publishKept(
    { event, outgoing }: Emitted,
    inline: (() => Promise<void>) | undefined,
  ): Promise<EmitReceipt> {
    await inline?.();
    const { transaction } = outgoing.options ?? {};
    if (transaction === undefined) return this.#receipt(await this.appends.add(event, 'pending'));
    return this.#receipt(await this.appends.addIn(transaction, event, 'pending'));
  }

  protected publishAllKept(emitted: readonly Emitted[]): Promise<(EmitReceipt | Error)[]> {
    return Promise.all(emitted.map((each) => this.publishKept(each, undefined).catch(toError)));
  }

  #receipt({ id, duplicate }: AppendResult): EmitReceipt {
    const { name: backend } = this.options.store;
    return duplicate === true ? { id, backend, duplicate } : { id, backend };
  }

  /** What the backend refuses for good is marked, so that it does not hold up what comes behind it. */
  async #publish(event: StoredEvent): Promise<void> {
    if (event.publication === 'inline') return;
    try {
      const options = this.host.capabilities?.dedup ? { deduplicate: true } : undefined;
      await this.host.publisher.publish(this.host.outgoing(event), options);
    } catch (thrown) {
      if (!isRefusal(thrown)) throw thrown;
      const error = toError(thrown);
      this.host.report(error);
      return this.settlements.failed(event.id, error);
    }
    this.settlements.published(event.id);
  }

  /**
   * The first time, what is in the store already is not published. Before anything is appended: otherwise a process
   * that dies early would leave events that are taken for such.
   */
  async #beginAtTheEnd(): Promise<void> {
    const { store, name } = this.options;
    const { checkpoints } = store;
    while ((await checkpoints.read(name)) === undefined) {
      const lease = await checkpoints.acquire(name, BEGIN_LEASE_MS);
      if (lease === undefined) {
        await pause(LOOK_MS);
        continue;
      }
      try {
        // Another process may have made it between the two looks.
        if ((await checkpoints.read(name)) === undefined) await lease.save({ position: await store.head() });
      } finally {
        await lease.release();
      }
    }
  }
}

function isRefusal(thrown: unknown): boolean {
  return (
    isPermanent(thrown) || thrown instanceof EventTooLargeError || thrown instanceof EventSerializationError
  );
}
