import { createEventBus } from '../../../create-event-bus.js';
import { toError } from '../../../dispatch/failure.js';
import { EventConfigurationError } from '../../../errors.js';
import type { Event } from '../../../event.js';
import type { EventBus } from '../../../event-bus.js';
import type { HandlerContext } from '../../../handlers/handler.js';
import { DRAIN_TIMEOUT_MS, QUICK_RETRY } from '../instances.js';
import type { BackendFactory } from '../options.js';
import { HANDLER_ID, type PeerAnswer, type PeerCommand, POISON, WORK } from './messages.js';

const POLL_MS = 5;

/**
 * Runs one instance of a service for the cases of `describeBackend` that kill and stop processes. To be called, once,
 * by a program of its own, which the option `fork` starts.
 *
 * @param factory As for `describeBackend`, with the same broker.
 * @throws {EventConfigurationError} when the process was not started by `fork()`.
 *
 * @example
 * // conformance-process.js
 * runConformanceProcess(({ namespace, group }) => new MyBackend({ url: process.env.BROKER, queue: namespace, group }));
 */
export function runConformanceProcess(factory: BackendFactory): void {
  if (process.send === undefined) {
    throw new EventConfigurationError(
      'runConformanceProcess() has nobody to talk to. Start its program with fork() of node:child_process, in the option fork of describeBackend().',
    );
  }
  const service = new ServiceProcess(factory);
  // Whoever started this process is gone, so nobody would end it.
  const orphaned = () => process.exit(1);
  process.once('disconnect', orphaned);
  const obey = async (command: PeerCommand): Promise<void> => {
    try {
      await service.obey(command);
    } catch (error) {
      return tell({ failed: toError(error).stack! });
    }
    if ('close' in command) process.off('disconnect', orphaned);
    await tell({ done: true });
    if ('close' in command) process.disconnect();
  };
  process.on('message', (command: PeerCommand) => void obey(command));
}

class ServiceProcess {
  #bus: EventBus | undefined;
  #release!: () => void;
  readonly #released = new Promise<void>((resolve) => (this.#release = resolve));

  constructor(private readonly factory: BackendFactory) {}

  async obey(command: PeerCommand): Promise<void> {
    if ('start' in command) return this.#start(command.start);
    if ('publish' in command) return this.#publish(command.publish, command.thenDie);
    if ('release' in command) return this.#finish();
    await this.#bus?.close();
  }

  async #start({ context, behaviour }: Extract<PeerCommand, { start: unknown }>['start']): Promise<void> {
    const bus = createEventBus({
      backend: await this.factory(context),
      source: context.group,
      retry: QUICK_RETRY,
      drainTimeoutMs: DRAIN_TIMEOUT_MS,
    });
    const handle = async ({ data }: Event, { attempt, redelivered, signal }: HandlerContext) => {
      signal.addEventListener('abort', () => void tell({ aborted: data }));
      await tell({ called: { data, attempt, redelivered } });
      if (behaviour === 'crash' && data === POISON) die();
      if (behaviour === 'hold') await this.#released;
    };
    this.#bus = bus;
    if (behaviour === 'publish') return;
    bus.on(WORK, handle, { id: HANDLER_ID });
    await bus.start();
  }

  async #publish(all: readonly unknown[], thenDie: boolean): Promise<void> {
    await Promise.all(all.map((data) => this.#bus!.emitAsync(WORK, data)));
    if (thenDie) die();
  }

  async #finish(): Promise<void> {
    this.#release();
    // What a backend sends after a delivery it has sent before it answers this.
    while ((await this.#bus!.stats()).running > 0)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    await this.#bus!.stats();
  }
}

/** Resolves when it is on its way to the parent, so that a death right after it does not take it along. */
function tell(answer: PeerAnswer): Promise<void> {
  return new Promise((resolve) => process.send!(answer, () => resolve()));
}

/** Ends this process as a crash does: nothing after this runs. */
function die(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('SIGKILL did not end this process.');
}
