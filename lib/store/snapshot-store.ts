/** The state of a stream after so many of its events. */
export interface Snapshot<S = unknown> {
  readonly streamId: string;
  /** Of the last event that is in it. */
  readonly version: number;
  /** Must survive `JSON.stringify`. */
  readonly state: S;
  /** Names the form of the state. A snapshot of another form than the reader's is not used. Default `1`. */
  readonly form: string;
}

/** Keeps the latest snapshot of each stream. A snapshot saves time and nothing else: one that is lost is made anew. */
export interface SnapshotStore {
  load(streamId: string): Promise<Snapshot | undefined>;
  /** Takes the place of an older one. A newer one stays. */
  save(snapshot: Snapshot): Promise<void>;
  remove(streamId: string): Promise<void>;
}
