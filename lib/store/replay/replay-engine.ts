import { Injectable, Optional } from '@nestjs/common';
import { EventConfigurationError } from '../../errors.js';
import { EventBus } from '../../event-bus.js';
import { EventStore } from '../event-store.js';
import { Replay } from './replay.js';
import { REPLAY_PREFIX } from './replay-checkpoint.js';
import { ReplayRun } from './replay-run.js';

/**
 * Gives events of a store to handlers once more: to build up a read model anew, or to make good what went wrong. A
 * provider for any module.
 *
 * @example
 * await this.engine.replay('rebuild-orders').type('order.*').handlers('OrderView.*').execute();
 */
@Injectable()
export class ReplayEngine {
  readonly #store: EventStore;

  /**
   * @param bus Whose handlers are called.
   * @param store Where the events are. Default: the store of the bus.
   * @throws {EventConfigurationError} when there is no store.
   */
  constructor(
    private readonly bus: EventBus,
    @Optional() store?: EventStore,
  ) {
    const found = store ?? bus.store;
    if (found === undefined) {
      throw new EventConfigurationError(
        `A ReplayEngine needs a store to read from. Give EventsModule the option 'store', or the engine an EventStore.`,
      );
    }
    this.#store = found;
  }

  /**
   * Begins to say what is to be replayed.
   *
   * @param name With one, how far it is is kept in the store: executed again after a crash, a cancel or a shutdown, it
   *   goes on there, in one process at a time. After it has completed, it begins anew.
   */
  replay(name?: string): Replay {
    return new Replay((plan) => new ReplayRun(this.bus.parts, this.#store, plan), {
      name,
      criteria: {},
      concurrency: 1,
      dryRun: false,
      leaseMs: 30_000,
      onProgress: [],
    });
  }

  /** Forgets how far a replay is, so that it begins anew. One that is running ends with a {@link CheckpointLostError}. */
  forget(name: string): Promise<void> {
    return this.#store.checkpoints.remove(REPLAY_PREFIX + name);
  }
}
