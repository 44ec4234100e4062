import { EventConfigurationError } from '../../errors.js';

const OVERFLOWS = ['dead-letter', 'wait', 'reject'] as const;

/** Options of {@link MemoryBackend}. Everything has a default. */
export interface MemoryBackendOptions {
  /** Events handled at the same time, 1 or more. Default 10. */
  readonly workers?: number;
  /** Events that may wait for a worker, 1 or more; as many again may wait for their `delayMs`. Default 1000. */
  readonly queueSize?: number;
  /**
   * What happens to an event that finds the queue full. Default `dead-letter`.
   * - `dead-letter`: it is kept as a dead letter for all handlers, and the emitter gets a `QueueFullError`.
   * - `wait`: the emitter waits until there is room. A handler that emits does not wait, so that the workers cannot all
   *   wait for each other: its events enter beyond `queueSize`. With `correlation: false` nobody can tell who emits, and
   *   handlers wait as well: then give the queue room for what they emit.
   * - `reject`: the emitter gets a `QueueFullError` and still has the event.
   */
  readonly overflow?: (typeof OVERFLOWS)[number];
  /**
   * Milliseconds for which an event with an `id` of the emitter's own keeps a second one of this id and source from
   * being accepted; at least as long as it is held back by `delayMs`. 0 accepts every one. Default one hour.
   */
  readonly deduplicationMs?: number;
  /** How many such ids are remembered, 1 or more; then the oldest is forgotten. Default 100,000. */
  readonly deduplicationLimit?: number;
}

/** @throws {EventConfigurationError} naming the option that cannot be used. */
export function resolveMemoryOptions(options: MemoryBackendOptions): Required<MemoryBackendOptions> {
  const { workers = 10, queueSize = 1000, overflow = 'dead-letter' } = options;
  const { deduplicationMs = 60 * 60 * 1000, deduplicationLimit = 100_000 } = options;
  assertCount('workers', workers);
  assertCount('queueSize', queueSize);
  if (!OVERFLOWS.includes(overflow)) {
    throw refused('overflow', overflow, `one of ${OVERFLOWS.map((name) => `'${name}'`).join(', ')}`);
  }
  if (!(Number.isSafeInteger(deduplicationMs) && deduplicationMs >= 0)) {
    throw refused('deduplicationMs', deduplicationMs, 'a whole number of milliseconds from 0');
  }
  assertCount('deduplicationLimit', deduplicationLimit);
  return { workers, queueSize, overflow, deduplicationMs, deduplicationLimit };
}

function assertCount(option: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 1)) throw refused(option, value, 'a whole number from 1');
}

function refused(option: string, value: unknown, rule: string): EventConfigurationError {
  return new EventConfigurationError(
    `MemoryBackend was given ${option} = ${String(value)}, but it must be ${rule}.`,
  );
}
