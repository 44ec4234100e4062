import { Periodic } from '../shared/periodic.js';
import type { Reclaimer } from './reclaimer.js';
import type { Roster } from './roster.js';
import type { Mover } from './schedule.js';
import type { Trimmer } from './trimmer.js';

const RETRY_MS = 1000;
/** How soon other processes hear of a handler that was added at run time. */
const LISTENER_CHECK_MS = 1000;

/** What upkeep sees to. */
export interface UpkeepParts {
  readonly mover: Mover;
  readonly reclaimer: Reclaimer;
  readonly trimmer: Trimmer;
  readonly roster: Roster | undefined;
  readonly leaseMs: number;
  readonly report: (error: Error) => void;
}

/** Tasks beside the reading of new events. They take in what waits elsewhere, and tidy up. */
export class Upkeep {
  readonly #moving: Periodic;
  readonly #tasks: readonly Periodic[];

  constructor(private readonly parts: UpkeepParts) {
    const { mover, trimmer, leaseMs, report } = parts;
    this.#moving = new Periodic(() => mover.move(), RETRY_MS, report);
    this.#tasks = [
      this.#moving,
      new Periodic(() => this.#reclaim(), Math.min(RETRY_MS, leaseMs), report),
      new Periodic(() => trimmer.trim().then(jittered), RETRY_MS, report),
      new Periodic(() => this.announce(), leaseMs / 10, report),
    ];
  }

  start(): void {
    for (const task of this.#tasks) task.poke();
  }

  /** An entry of a schedule will be due in this many milliseconds. */
  expectDue(delayMs: number): void {
    this.#moving.poke(Math.min(delayMs, RETRY_MS));
  }

  /** Enters what this process listens to. Resolves with the milliseconds until it should do so again. */
  async announce(): Promise<number> {
    await this.parts.roster?.announce();
    return Math.min(this.parts.leaseMs / 6, LISTENER_CHECK_MS);
  }

  /** Resolves when the last task has ended. */
  async stop(): Promise<void> {
    await Promise.all(this.#tasks.map((task) => task.stop()));
    await this.parts.roster?.leave().catch(this.parts.report);
  }

  async #reclaim(): Promise<number> {
    const { reclaimer, leaseMs } = this.parts;
    const more = await reclaimer.sweep();
    return more ? Math.min(100, leaseMs / 10) : jittered(leaseMs / 2);
  }
}

/** So that processes that started together do not keep in step. */
function jittered(ms: number): number {
  return ms * (0.75 + Math.random() / 2);
}
