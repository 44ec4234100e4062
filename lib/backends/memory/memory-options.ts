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
   * - `wait`: the emitter waits until there is room. Handlers that emit can use up all workers waiting for each
   *   other; give the queue room for what they emit.
   * - `reject`: the emitter gets a `QueueFullError` and still has the event.
   */
  readonly overflow?: (typeof OVERFLOWS)[number];
}

/** @throws {EventConfigurationError} naming the option that cannot be used. */
export function resolveMemoryOptions(options: MemoryBackendOptions): Required<MemoryBackendOptions> {
  const { workers = 10, queueSize = 1000, overflow = 'dead-letter' } = options;
  assertCount('workers', workers);
  assertCount('queueSize', queueSize);
  if (!OVERFLOWS.includes(overflow)) {
    throw refused('overflow', overflow, `one of ${OVERFLOWS.map((name) => `'${name}'`).join(', ')}`);
  }
  return { workers, queueSize, overflow };
}

function assertCount(option: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 1)) throw refused(option, value, 'a whole number from 1');
}

function refused(option: string, value: unknown, rule: string): EventConfigurationError {
  return new EventConfigurationError(
    `MemoryBackend was given ${option} = ${String(value)}, but it must be ${rule}.`,
  );
}
