import type { Snapshot, SnapshotStore } from '../snapshot-store.js';
import type { Calls } from './calls.js';
import type { StoreKeys } from './keys.js';
import { LOAD_SNAPSHOT, REMOVE_SNAPSHOT, SAVE_SNAPSHOT } from './scripts/checkpoints.js';

/** Snapshots in Redis, each as its version and JSON. */
export class RedisSnapshots implements SnapshotStore {
  constructor(
    private readonly calls: Calls,
    private readonly keys: StoreKeys,
  ) {}

  async load(streamId: string): Promise<Snapshot | undefined> {
    const stored = (await this.calls.run(LOAD_SNAPSHOT, [this.keys.snapshots], [streamId])) as string | null;
    return stored === null ? undefined : (JSON.parse(stored.slice(stored.indexOf(' '))) as Snapshot);
  }

  async save(snapshot: Snapshot): Promise<void> {
    const { streamId, version } = snapshot;
    await this.calls.run(SAVE_SNAPSHOT, [this.keys.snapshots], [streamId, version, JSON.stringify(snapshot)]);
  }

  async remove(streamId: string): Promise<void> {
    await this.calls.run(REMOVE_SNAPSHOT, [this.keys.snapshots], [streamId]);
  }
}
