import type { Snapshot, SnapshotStore } from '../snapshot-store.js';

/** Snapshots for as long as the process lives. The state goes through JSON, as in a database. */
export class MemorySnapshots implements SnapshotStore {
  readonly #snapshots = new Map<string, { readonly version: number; readonly json: string }>();

  async load(streamId: string): Promise<Snapshot | undefined> {
    const kept = this.#snapshots.get(streamId);
    return kept && (JSON.parse(kept.json) as Snapshot);
  }

  async save(snapshot: Snapshot): Promise<void> {
    const { streamId, version } = snapshot;
    if ((this.#snapshots.get(streamId)?.version ?? 0) > version) return;
    this.#snapshots.set(streamId, { version, json: JSON.stringify(snapshot) });
  }

  async remove(streamId: string): Promise<void> {
    this.#snapshots.delete(streamId);
  }
}
