import { inspect } from 'node:util';
import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { createEventBus, type EventsModuleOptions } from 'nestjs-durable-events';

/** Everything that an operator gets to see: logs, reports, errors with all that they carry, health. */
export interface Disclosed {
  /** Whether anything failed: a test in which nothing does shows nothing. */
  failed: boolean;
  text: string;
}

/** Starts a bus, emits, asks for health and stats, closes, and gathers whatever is told meanwhile. */
export async function disclosedBy(make: () => EventsModuleOptions): Promise<Disclosed> {
  const told: unknown[] = [];
  const silence = listen(told);
  let failed = false;
  const attempt = async (action: () => unknown) => {
    try {
      told.push(await action());
    } catch (error) {
      failed = true;
      told.push(error, JSON.stringify(error), (error as Error).stack);
    }
  };
  try {
    let bus: ReturnType<typeof createEventBus> | undefined;
    await attempt(() => {
      bus = createEventBus(make());
      bus.errors.subscribe((report) => told.push(report));
      bus.on('order.placed', () => undefined);
    });
    await attempt(() => bus?.start());
    await Promise.all([
      attempt(() => bus?.emitAsync('order.placed', {})),
      attempt(() => bus?.deadLetters.list()),
      attempt(() => bus?.health()),
      attempt(() => bus?.stats()),
    ]);
    await attempt(() => bus?.close());
  } finally {
    silence();
  }
  const text = told.map((each) => inspect(each, { depth: Infinity, showHidden: true })).join('\n');
  return { failed, text };
}

/** Takes down what goes to Nest's logger, to the console and to the standard streams. @returns How to end it. */
function listen(told: unknown[]): () => void {
  const note = (...args: unknown[]) => void told.push(args);
  Logger.overrideLogger({ log: note, error: note, warn: note, debug: note, verbose: note, fatal: note });
  const spies = [
    ...(['log', 'info', 'warn', 'error', 'debug', 'trace'] as const).map((method) =>
      jest.spyOn(console, method).mockImplementation(note),
    ),
    ...[process.stdout, process.stderr].map((stream) =>
      jest.spyOn(stream, 'write').mockImplementation((chunk) => told.push(String(chunk)) > 0),
    ),
  ];
  const onWarning = (warning: Error) => void told.push(warning);
  process.on('warning', onWarning);
  return () => {
    process.off('warning', onWarning);
    for (const spy of spies) spy.mockRestore();
    Logger.overrideLogger(false);
  };
}
