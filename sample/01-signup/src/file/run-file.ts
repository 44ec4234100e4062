import { NestFactory } from '@nestjs/core';
import { type EventBackend, EventBus } from 'nestjs-durable-events';
import { AppModule } from '../app.module.js';
import { onInterrupt } from '../interrupt.js';
import type { Settings } from '../settings.js';
import { SignupService } from '../signup/signup.service.js';
import { importRows } from './import-rows.js';
import { Progress } from './progress.js';
import { SettledEvents } from './settled-events.js';
import { SignupFile } from './signup-file.js';
import { type Outcome, summarize } from './summary.js';
import { Tally } from './tally.js';

const ALL_DONE = 0;
const SOME_FAILED = 1;
/** What shells make of a program that Ctrl-C ended. */
const INTERRUPTED = 130;

/**
 * Signs up everybody in a file, and waits until all that follows from it is done. Ctrl-C ends the reading; what was
 * accepted by then is still handled, or stays with a durable backend for the next start.
 *
 * @returns The exit code of the process.
 * @throws {SetupError} when the file cannot be read.
 */
export async function runFile(path: string, settings: Settings, backend: EventBackend): Promise<number> {
  const file = await SignupFile.open(path);
  const interrupt = onInterrupt();
  // Retries and dead letters are counted in the progress and listed at the end instead.
  const app = await NestFactory.create(AppModule.with(settings, backend), {
    logger: false,
    abortOnError: false,
  });
  try {
    await app.init();
    const outcome = await importFile(file, app.get(EventBus), app.get(SignupService), interrupt);
    const durable = backend.capabilities?.durable === true;
    console.log(summarize({ ...outcome, path, durable }));
    if (outcome.interrupted) return INTERRUPTED;
    const { tally, deadLettered } = outcome;
    return tally.accepted === tally.lines && deadLettered === 0 ? ALL_DONE : SOME_FAILED;
  } finally {
    await app.close();
    await file.close();
  }
}

async function importFile(
  file: SignupFile,
  bus: EventBus,
  signups: SignupService,
  interrupt: AbortSignal,
): Promise<Omit<Outcome, 'path' | 'durable'>> {
  const startedAt = new Date();
  const tally = new Tally();
  const settled = new SettledEvents(bus);
  const progress = new Progress(process.stderr, () => ({
    done: tally.accepted === 0 ? file.progress : file.progress * Math.min(1, settled.count / tally.accepted),
    text: `${tally.lines} read, ${tally.accepted} accepted, ${settled.count} handled`,
  }));
  const subscription = bus.errors.subscribe(({ action, error }) => {
    if (action === 'reported') progress.note(error.message);
  });
  try {
    await importRows(file.rows(), (candidate) => signups.accept(candidate), tally, interrupt);
    await untilHandled(bus, interrupt);
  } finally {
    progress.stop();
    subscription.unsubscribe();
  }
  const { retried, deadLettered } = await bus.stats();
  const { entries } = await bus.deadLetters.list({ since: startedAt, limit: 10 });
  return {
    tally,
    settled: settled.count,
    seconds: (Date.now() - startedAt.getTime()) / 1000,
    retried,
    deadLettered,
    deadLetters: entries,
    interrupted: interrupt.aborted,
  };
}

/** After Ctrl-C only as long as a shutdown may take. */
async function untilHandled(bus: EventBus, interrupt: AbortSignal): Promise<void> {
  const interrupted = new Promise<void>((resolve) => {
    if (interrupt.aborted) resolve();
    interrupt.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([bus.idle(), interrupted]);
  if (interrupt.aborted) await bus.drain();
}
