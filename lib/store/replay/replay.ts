import type { EventCriteria } from '../criteria.js';
import { progressBar } from './progress-bar.js';
import { checkPlan, type ReplayPlan } from './replay-plan.js';
import type { ReplayProgress } from './replay-progress.js';
import type { ReplayRun } from './replay-run.js';

/**
 * Builds up what is to be replayed. Each step gives a new one, so that one can be the start of several; `execute()`
 * begins.
 */
export class Replay {
  /** @internal `engine.replay()` makes the first. */
  constructor(
    private readonly begin: (plan: ReplayPlan) => ReplayRun,
    private readonly plan: ReplayPlan,
  ) {}

  /** Events emitted at this time or later; or those behind this position. Default: from the first event on. */
  from(from: Date | string): Replay {
    return typeof from === 'string' ? this.#and({ after: from }) : this.#meeting({ since: from });
  }

  /** Events emitted before this time. Default: up to the last one that is in the store when it begins. */
  to(until: Date): Replay {
    return this.#meeting({ until });
  }

  /** Names or patterns as they are in the store, such as `order.*`; one has to match. Default: all. */
  type(...types: string[]): Replay {
    return this.#meeting({ types });
  }

  /** Events of one stream. */
  stream(streamId: string): Replay {
    return this.#meeting({ streamId });
  }

  /** Events of one flow. */
  correlation(correlationId: string): Replay {
    return this.#meeting({ correlationId });
  }

  /**
   * Ids of the handlers to call, or patterns of them, such as `OrderView.*`. Default: every handler that is not marked
   * `replay: false`.
   */
  handlers(...handlers: string[]): Replay {
    return this.#and({ handlers });
  }

  /** Events per second at most. Default: no limit. */
  rate(eventsPerSecond: number): Replay {
    return this.#and({ rate: eventsPerSecond });
  }

  /**
   * Events that are handled side by side. Those of one stream, or of one key where they have no stream, stay one behind
   * the other all the same. Default 1: every event waits for the one before it.
   */
  concurrency(concurrency: number): Replay {
    return this.#and({ concurrency });
  }

  /** Reads and counts, and calls no handler. */
  dryRun(): Replay {
    return this.#and({ dryRun: true });
  }

  /** Milliseconds after which a replay of this name whose process died can be gone on with. Default 30,000. */
  leaseMs(leaseMs: number): Replay {
    return this.#and({ leaseMs });
  }

  /** Told twice a second how far it is, and once at the end. May be used several times. */
  onProgress(listener: (progress: ReplayProgress) => void): Replay {
    return this.#and({ onProgress: [...this.plan.onProgress, listener] });
  }

  /** Shows a bar in a terminal; elsewhere a line every five seconds. Default: on the standard error. */
  progressBar(stream: NodeJS.WriteStream | NodeJS.WritableStream = process.stderr): Replay {
    return this.onProgress(progressBar(stream));
  }

  /**
   * Begins. What it returns can be awaited for the result, and held for pausing and cancelling.
   *
   * @throws {EventConfigurationError} at once, naming what cannot be used.
   * @throws {ReplayConflictError} (rejects) when it runs elsewhere, or is to go on with other criteria.
   */
  execute(): ReplayRun {
    return this.begin(checkPlan(this.plan));
  }

  #meeting(criteria: EventCriteria): Replay {
    return this.#and({ criteria: { ...this.plan.criteria, ...criteria } });
  }

  #and(more: Partial<ReplayPlan>): Replay {
    return new Replay(this.begin, { ...this.plan, ...more });
  }
}
