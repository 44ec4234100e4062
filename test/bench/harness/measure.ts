import type { Effort, Sample } from './table.js';

/** Processor time of this process so far, in microseconds. */
export function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/**
 * Time per operation of `run`, which does as many operations as it is told and keeps the processor busy with them:
 * first until the code is warm, then for as long as the effort says. Both are counted in processor time, so that a
 * busy machine makes it take longer but measures the same.
 *
 * @param chunk Operations between two looks at the clock.
 */
export async function measureLoop(
  { warmUpMs, measureMs }: Effort,
  chunk: number,
  run: (operations: number) => Promise<void>,
): Promise<Sample> {
  await repeat(warmUpMs, chunk, run);
  const start = performance.now();
  const { operations, cpuUs } = await repeat(measureMs, chunk, run);
  return {
    wallNs: ((performance.now() - start) * 1e6) / operations,
    cpuNs: (cpuUs * 1e3) / operations,
  };
}

async function repeat(
  cpuMs: number,
  chunk: number,
  run: (operations: number) => Promise<void>,
): Promise<{ operations: number; cpuUs: number }> {
  const start = cpuMicroseconds();
  let operations = 0;
  let cpuUs = 0;
  while (cpuUs < cpuMs * 1e3) {
    await run(chunk);
    operations += chunk;
    cpuUs = cpuMicroseconds() - start;
  }
  return { operations, cpuUs };
}
