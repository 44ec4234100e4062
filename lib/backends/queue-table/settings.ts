import type { Event } from '../../event.js';

/** Who is late, in errors. */
export const DATABASE = 'The database';

/** What every backend on a table can be told; everything is filled in. */
export interface QueueTableSettings {
  /** Name of the class, for errors. */
  readonly className: string;
  readonly group: string | undefined;
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly maxDeliveries: number;
  readonly pollMs: number;
  readonly publishTimeoutMs: number;
  readonly maxEventBytes: number;
  readonly deduplicationMs: number;
  readonly priorityOf: ((event: Event) => number) | undefined;
}
