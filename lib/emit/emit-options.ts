import type { EventMetadata } from '../event.js';
import type { SqlClient } from '../sql-client.js';

/** Options of `emit`, `emitSync` and `emitAsync`. */
export interface EmitOptions {
  /** Instead of a generated one: an id of the caller's own, unique per source. */
  readonly id?: string;
  /** Events of one key belong together; backends with ordering handle them one at a time, in order. */
  readonly key?: string;
  /** Deliver no earlier than this many milliseconds from now. */
  readonly delayMs?: number;
  /** Deliver no earlier than this moment. */
  readonly at?: Date;
  /** Default: that of the event being handled, else the new event's own id. */
  readonly correlationId?: string;
  /** Default: the id of the event being handled. */
  readonly causationId?: string;
  /** Default: that of the event being handled. */
  readonly metadata?: EventMetadata;
  /** Default: the module's `source`. */
  readonly source?: string;
  /** Version of the data. Default: the definition's, else 1. */
  readonly version?: number;
  /**
   * A transaction of the caller, on the database where the backend keeps its events: the event is published when it
   * commits, and never was when it rolls back. Anything that runs SQL there with `query(text, values)`.
   */
  readonly transaction?: SqlClient;
  /** Gives up before the event is published. */
  readonly signal?: AbortSignal;
}
