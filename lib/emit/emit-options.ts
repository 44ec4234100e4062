import type { EventMetadata } from '../event.js';

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
  /** Gives up before the event is published. */
  readonly signal?: AbortSignal;
}
