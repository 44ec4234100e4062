import { CheckpointLostError, ReplayConflictError } from '../../errors.js';
import type { CheckpointLease, CheckpointStore } from '../checkpoint-store.js';
import type { ReplayHandlerCounts, ReplayState } from './replay-progress.js';

/** Replays have their checkpoints under this, and their name. */
export const REPLAY_PREFIX = 'replay:';

/** What a replay has to remember beside its position. */
export interface ReplayMemory {
  /** What has to be the same for it to go on. */
  readonly plan: string;
  readonly state: ReplayState;
  /** Position of the last event that is meant; absent when the store was empty. */
  readonly end?: string | undefined;
  readonly total?: number | undefined;
  readonly done: number;
  readonly skipped: number;
  readonly handlers: Readonly<Record<string, ReplayHandlerCounts>>;
}

/** How far a replay with a name is, so that it goes on there, in one process at a time. */
export class ReplayCheckpoint {
  readonly #renewal: NodeJS.Timeout;
  #heldAt = performance.now();

  private constructor(
    private readonly lease: CheckpointLease,
    leaseMs: number,
    lost: (error: Error) => void,
    report: (error: unknown) => void,
  ) {
    const renew = async () => {
      try {
        await lease.renew();
        this.#heldAt = performance.now();
      } catch (error) {
        // Without an answer it is ours for what is left of the lease, and then perhaps somebody else's.
        if (error instanceof CheckpointLostError) lost(error);
        else if (performance.now() - this.#heldAt > leaseMs) lost(new CheckpointLostError(lease.name));
        else report(error);
      }
    };
    this.#renewal = setInterval(() => void renew(), leaseMs / 3);
  }

  /**
   * @param lost Told when another process may have it.
   * @throws {ReplayConflictError} when another process has it, or it is one of another plan.
   */
  static async take(
    checkpoints: CheckpointStore,
    { name, plan, leaseMs }: { readonly name: string; readonly plan: string; readonly leaseMs: number },
    lost: (error: Error) => void,
    report: (error: unknown) => void,
  ): Promise<ReplayCheckpoint> {
    const lease = await checkpoints.acquire(REPLAY_PREFIX + name, leaseMs);
    if (lease === undefined) {
      throw new ReplayConflictError(
        `Replay '${name}' is running already. If its process has died, it can be gone on with when the lease of ${leaseMs} ms is over.`,
      );
    }
    const memory = lease.checkpoint.data as ReplayMemory | undefined;
    if (memory !== undefined && memory.state !== 'completed' && memory.plan !== plan) {
      await lease.release();
      throw new ReplayConflictError(
        `Replay '${name}' has not come to its end, and was begun as ${memory.plan}; it cannot go on as ${plan}. Execute it as it was begun, give the new one another name, or call engine.forget('${name}').`,
      );
    }
    return new ReplayCheckpoint(lease, leaseMs, lost, report);
  }

  /** Where an earlier run ended that had not completed. */
  get earlier(): { readonly position: string | undefined; readonly memory: ReplayMemory } | undefined {
    const { position, data } = this.lease.checkpoint;
    const memory = data as ReplayMemory | undefined;
    return memory === undefined || memory.state === 'completed' ? undefined : { position, memory };
  }

  /** @throws {CheckpointLostError} when another process has it by now. */
  async save(position: string | undefined, memory: ReplayMemory): Promise<void> {
    await this.lease.save({ position, data: memory });
    this.#heldAt = performance.now();
  }

  async release(): Promise<void> {
    clearInterval(this.#renewal);
    await this.lease.release();
  }
}
