/** What became of the calls of one handler. */
export interface ReplayHandlerCounts {
  /** Events it has handled; in a dry run, those it would have been given. */
  readonly handled: number;
  /** Events that are dead letters of it now. */
  readonly failed: number;
  /** Events it was not given, because it is marked `replay: false`. */
  readonly skipped: number;
}

/**
 * - `starting`, `running`, `paused`: under way.
 * - `completed`: everything that was to be replayed has been.
 * - `cancelled`, `interrupted`: by `cancel()`, or because the application shuts down. A replay with a name goes on there.
 * - `failed`: it could not go on, see what it rejects with. A replay with a name goes on there.
 */
export type ReplayState =
  'starting' | 'running' | 'paused' | 'completed' | 'cancelled' | 'interrupted' | 'failed';

/** How far a replay is. */
export interface ReplayProgress {
  readonly id: string;
  readonly name: string | undefined;
  readonly state: ReplayState;
  /** Events that are done, those before a crash included. */
  readonly done: number;
  /** Events that met the criteria at the beginning; `undefined` where that is not known: with a position to begin at. */
  readonly total: number | undefined;
  /** Events still to do, where `total` is known. */
  readonly remaining: number | undefined;
  /** Events done that none of the handlers listens to. */
  readonly skipped: number;
  /** Events per second of this run, pauses left out. */
  readonly rate: number;
  /** Milliseconds that the remaining events take at this rate; `undefined` where that is not known. */
  readonly remainingMs: number | undefined;
  /** Everything up to this position is done. */
  readonly position: string | undefined;
  /** By handler id. */
  readonly handlers: Readonly<Record<string, ReplayHandlerCounts>>;
}

/** What came of a replay. */
export interface ReplayResult extends Pick<
  ReplayProgress,
  'id' | 'name' | 'done' | 'total' | 'skipped' | 'position' | 'handlers'
> {
  readonly state: 'completed' | 'cancelled' | 'interrupted';
  /** Calls of handlers that failed for good, all handlers together. */
  readonly failed: number;
  /** Of this run. */
  readonly durationMs: number;
}
