import { measureLoop } from '../harness/measure.js';
import type { Effort, Sample } from '../harness/table.js';
import type { Emitter } from './emitters.js';

const EMITS_PER_CHUNK = 2_000;

/** Emits one event after the other, each awaited. */
export async function measureAwaitedEmit(
  making: Promise<Emitter>,
  handlersPerEvent: number,
  effort: Effort,
): Promise<Sample> {
  const { emit, tally, close } = await making;
  let emitted = 0;
  const sample = await measureLoop(effort, EMITS_PER_CHUNK, async (operations) => {
    for (let i = 0; i < operations; i++) await emit(i);
    emitted += operations;
  });
  await close();
  const due = emitted * handlersPerEvent;
  if (tally.calls !== due)
    throw new Error(`${emitted} events made ${tally.calls} calls of handlers, not ${due}.`);
  return sample;
}
