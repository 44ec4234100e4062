import { setTimeout as sleep } from 'node:timers/promises';
import { abortion, inTime } from '../../clients/in-time.js';
import { toError } from '../../dispatch/failure.js';
import type { BackendHealth } from '../backend.js';

/** How long a server has for an answer about its state. */
export const STATUS_TIMEOUT_MS = 2000;

/**
 * The health of a backend by a round trip to its server.
 *
 * @param server Who is late, in errors.
 * @param ask Resolves with details to show.
 * @param consuming `false` when this process should be consuming and cannot; `undefined` when it does not consume.
 */
export async function healthOf(
  server: string,
  ask: () => Promise<Readonly<Record<string, unknown>> | void>,
  consuming: () => boolean | undefined,
): Promise<BackendHealth> {
  const startedAt = performance.now();
  try {
    const details = await inTime(server, STATUS_TIMEOUT_MS, ask());
    const latencyMs = Math.round((performance.now() - startedAt) * 10) / 10;
    return {
      status: consuming() === false ? 'degraded' : 'up',
      details: { latencyMs, consuming: consuming(), ...details },
    };
  } catch (error) {
    return { status: 'down', details: { error: toError(error).message } };
  }
}

/**
 * Asks again and again until nothing is to be done. An answer that does not come is not waited for beyond the signal.
 *
 * @throws (rejects with) the reason of `signal` when it aborts before.
 */
export async function untilQuiet(
  signal: AbortSignal,
  pollMs: number,
  quiet: () => boolean | Promise<boolean>,
): Promise<void> {
  signal.throwIfAborted();
  const aborted = abortion(signal).then(() => signal.throwIfAborted());
  while (!(await Promise.race([quiet(), aborted]))) {
    await sleep(pollMs, undefined, { signal });
  }
}
