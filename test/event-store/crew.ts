import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createEvent } from 'nestjs-durable-events';
import type { EventStore } from 'nestjs-durable-events/store';
import { forkProgram } from '../support/fork-program.js';
import { waitFor } from '../support/wait-for.js';
import type { AppenderSettings } from './programs/appender.js';
import type { FollowerSettings } from './programs/follower.js';
import { type Handled, type Ledger, ledgerAt, type Place, storeAt } from './programs/place.js';

/** For a process to start, or to append all of its events, on a machine that has more to do. */
const PATIENCE_MS = 180_000;

/** Processes that append to a store and follow it, and what they took down. */
export class Crew {
  readonly store: EventStore;
  readonly ledger: Ledger;
  readonly #members = new Map<string, ChildProcess>();
  readonly #appending: Promise<unknown>[] = [];
  /** What went wrong in the processes: to tell where a test fails. */
  readonly #heard: string[] = [];
  /** Orders that were asked for, by {@link append} and {@link feed}. */
  orders = 0;

  private constructor(
    private readonly place: Place,
    store: EventStore,
    ledger: Ledger,
  ) {
    this.store = store;
    this.ledger = ledger;
  }

  static async at(place: Place): Promise<Crew> {
    const crew = new Crew(place, await storeAt(place), await ledgerAt(place));
    await crew.store.open();
    return crew;
  }

  /** Starts processes that each append so many events, numbered one behind the other. */
  append(processes: number, count: number, pauseMs = 5): void {
    this.orders += processes * count;
    for (let i = 0; i < processes; i++) {
      const settings: AppenderSettings = { place: this.place, from: i * count, count, pauseMs };
      const child = this.#start(`appender-${i}`, 'appender', settings);
      const done = told(child, 'done');
      done.catch(() => undefined); // told by appended()
      this.#appending.push(done);
    }
  }

  /** Appends so many events more from here. */
  async feed(count: number): Promise<void> {
    const events = Array.from({ length: count }, () => createEvent('order.placed', { n: this.orders++ }));
    await this.store.appendBatch(events);
  }

  /** Resolves when every appender is done. */
  async appended(): Promise<void> {
    await Promise.all(this.#appending);
  }

  /** Starts a process that follows, and waits until it is up. */
  async follow(settings: Omit<FollowerSettings, 'place'>): Promise<ChildProcess> {
    const child = this.#start(settings.who, 'follower', { place: this.place, ...settings });
    await told(child, 'ready');
    return child;
  }

  member(who: string): ChildProcess {
    return this.#members.get(who)!;
  }

  /** Ends a follower in good order. */
  async stop(who: string): Promise<void> {
    const child = this.member(who);
    const stopped = told(child, 'stopped');
    child.send('stop');
    await stopped;
  }

  async kill(who: string): Promise<void> {
    const child = this.member(who);
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    this.#members.delete(who);
  }

  /** Who handled an event last. */
  async latest(): Promise<string | undefined> {
    return (await this.ledger.read()).at(-1)?.who;
  }

  /** Waits until the ledger meets a condition. */
  async until(
    what: string,
    condition: (handled: readonly Handled[]) => boolean,
    timeoutMs = 120_000,
  ): Promise<void> {
    await waitFor(async () => condition(await this.ledger.read()), {
      timeoutMs,
      intervalMs: 50,
      message: () => `${what}; heard meanwhile: ${this.#heard.slice(-5).join(' ') || 'nothing'}`,
    });
  }

  /** Numbers of all orders in the order of the store. */
  async inStore(): Promise<number[]> {
    const numbers: number[] = [];
    for await (const { data } of this.store.load({ types: 'order.*' })) {
      numbers.push((data as { n: number }).n);
    }
    return numbers;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#members.keys()].map((who) => this.kill(who)));
    await this.store.close();
    await this.ledger.close();
  }

  #start(who: string, program: string, settings: object): ChildProcess {
    const path = join(import.meta.dirname, `programs/${program}.ts`);
    const child = forkProgram(path, { SETTINGS: JSON.stringify(settings) });
    child.stderr!.on('data', (text) => this.#heard.push(`${who}: ${String(text)}`));
    child.once('exit', () => this.#members.delete(who));
    this.#members.set(who, child);
    return child;
  }
}

/** Resolves when the process says so. @throws when it ends before, or takes too long. */
export function told(child: ChildProcess, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // Listens all the time: messages that arrive together come without a pause.
    const hear = (message: unknown) => void (message === what && end(resolve));
    const fail = (why: string) => end(() => reject(new Error(`A process ${why} before it said '${what}'.`)));
    const onExit = () => fail('ended');
    const timer = setTimeout(() => fail(`took ${PATIENCE_MS} ms`), PATIENCE_MS);
    const end = (settle: () => void) => {
      clearTimeout(timer);
      child.off('message', hear).off('exit', onExit);
      settle();
    };
    child.on('message', hear).on('exit', onExit);
  });
}
