import type { Effort, Sample } from './table.js';

/** Processor time of this process so far, in microseconds. */
export function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/**
 * Time per operation of `run`, which does as many operations as it is told: first until the code is warm, then for
 * as long as the effort says.
 *
 * @param chunk Operations between two looks at the clock.
 */
export async function measureLoop(
  { warmUpMs, measureMs }: Effort,
  chunk: number,
  run: (operations: number) => Promise<void>,
): Promise<Sample> {
  await repeat(warmUpMs, chunk, run);
  const cpu = cpuMicroseconds();
  const { operations, elapsedMs } = await repeat(measureMs, chunk, run);
  return {
    wallNs: (elapsedMs * 1e6) / operations,
    cpuNs: ((cpuMicroseconds() - cpu) * 1e3) / operations,
  };
}

async function repeat(
  forMs: number,
  chunk: number,
  run: (operations: number) => Promise<void>,
): Promise<{ operations: number; elapsedMs: number }> {
  const start = performance.now();
  let operations = 0;
  let elapsedMs = 0;
  while (elapsedMs < forMs) {
    await run(chunk);
    operations += chunk;
    elapsedMs = performance.now() - start;
  }
  return { operations, elapsedMs };
}
