import type { SqlClient } from '../sql-client.js';

/** How far a reader has come. */
export interface Checkpoint {
  /** The last event that it is done with; `undefined` before the first. */
  readonly position?: string | undefined;
  /** Whatever else the reader has to remember; must survive `JSON.stringify`. */
  readonly data?: unknown;
}

/** A checkpoint with its name. */
export interface NamedCheckpoint extends Checkpoint {
  readonly name: string;
  /** When it was saved last. */
  readonly savedAt: Date;
  /** Somebody holds it at the moment. */
  readonly held: boolean;
}

/**
 * Where readers keep how far they have come, so that they go on there after a crash; one of them at a time, in
 * whatever process.
 */
export interface CheckpointStore {
  /**
   * Takes a checkpoint for `leaseMs` milliseconds.
   *
   * @returns `undefined` while somebody else has it.
   */
  acquire(name: string, leaseMs: number): Promise<CheckpointLease | undefined>;
  /** What was saved last; `undefined` when nothing was. */
  read(name: string): Promise<Checkpoint | undefined>;
  /** Every checkpoint whose name begins so, by name. */
  list(prefix?: string): Promise<NamedCheckpoint[]>;
  /** Forgets it. Whoever holds it is told by {@link CheckpointLostError} at its next step. */
  remove(name: string): Promise<void>;
}

/** A checkpoint that this process has. */
export interface CheckpointLease {
  readonly name: string;
  /** What was saved when it was taken; empty for a new one. */
  readonly checkpoint: Checkpoint;
  /**
   * Saves, and holds it for `leaseMs` from now.
   *
   * @param transaction In this transaction of the store's database, and so together with what else is written there.
   * @throws {CheckpointLostError} when somebody else has it by now: then nothing is saved.
   */
  save(checkpoint: Checkpoint, transaction?: SqlClient): Promise<void>;
  /** Holds it for `leaseMs` from now. @throws {CheckpointLostError} when somebody else has it by now. */
  renew(): Promise<void>;
  /** Lets others take it at once. May be called twice, and when it is lost. */
  release(): Promise<void>;
}
