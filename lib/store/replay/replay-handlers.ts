import type { BusParts } from '../../bus-parts.js';
import { insist } from '../../clients/insist.js';
import { createDeadLetter } from '../../dead-letters/create-dead-letter.js';
import type { HandlerAttempt } from '../../dead-letters/dead-letter.js';
import { boundedHistory } from '../../dead-letters/history.js';
import { CallContext } from '../../dispatch/call-context.js';
import { runApart } from '../../dispatch/correlation.js';
import { failedAttempt, nextDelayMs, toError } from '../../dispatch/failure.js';
import { backoffMs } from '../../dispatch/retry-policy.js';
import { isThenable } from '../../emit/inline.js';
import { EventConfigurationError } from '../../errors.js';
import type { Event } from '../../event.js';
import type { HandlerContext, HandlerEntry, ReplayFacts } from '../../handlers/handler.js';
import type { DispatchPlan } from '../../handlers/handler-registry.js';
import { PatternSet } from '../../handlers/pattern-set.js';
import { pause } from '../../timer.js';
import type { ReplayHandlerCounts } from './replay-progress.js';

/** Counts while they change. */
export type Counts = { -readonly [K in keyof ReplayHandlerCounts]: number };

/** What the calls of a replay depend on. */
export interface ReplayCalls {
  readonly facts: ReplayFacts;
  /** Patterns of handler ids; `undefined` for all. */
  readonly chosen: readonly string[] | undefined;
  readonly dryRun: boolean;
  /** Aborts when no try is to be begun any more. */
  readonly stopping: AbortSignal;
  /** The event in its present form. */
  present<E extends Event>(event: E): E | Promise<E>;
}

/** Gives the events of a replay to the handlers that were chosen for it. */
export class ReplayHandlers {
  /** By handler id. */
  readonly counts = new Map<string, Counts>();
  /** Events that no chosen handler listens to. */
  skipped = 0;
  readonly #isChosen: (id: string) => boolean;
  readonly #groups = new WeakMap<DispatchPlan, readonly HandlerEntry[]>();
  readonly #firstTries = new WeakMap<HandlerEntry, HandlerContext>();

  /** @throws {EventConfigurationError} when a pattern means no handler. */
  constructor(
    private readonly parts: BusParts,
    private readonly calls: ReplayCalls,
  ) {
    this.#isChosen = choiceOf(
      calls.chosen,
      [...parts.registry.entries()].map(({ id }) => id),
    );
  }

  /**
   * Calls every chosen handler of the event, each for itself, and again as its retry policy says. What fails for good is
   * a dead letter when this resolves.
   *
   * @returns `false` when it was stopped before each of them had ended.
   */
  async run(stored: Event): Promise<boolean> {
    const { dispatcher } = this.parts;
    // A shutdown waits for what is running.
    dispatcher.begun++;
    dispatcher.running++;
    try {
      return await this.#run(stored);
    } finally {
      dispatcher.running--;
    }
  }

  async #run(stored: Event): Promise<boolean> {
    let event: Event;
    try {
      const current = this.calls.present(stored);
      event = current instanceof Promise ? await current : current;
    } catch (thrown) {
      return this.#refuse(stored, thrown);
    }
    const handlers = this.#handlersOf(event.type);
    if (handlers.length === 0) this.skipped++;
    for (const handler of handlers) {
      const counts = this.#countsOf(handler);
      if (!handler.replay) counts.skipped++;
      else if (this.calls.dryRun) counts.handled++;
      else {
        const ended = await this.#call(handler, event);
        if (ended === 'stopped') return false;
        counts[ended]++;
      }
    }
    return true;
  }

  /** No handler can be given the event: it is a dead letter of each. */
  async #refuse(event: Event, thrown: unknown): Promise<boolean> {
    const error = toError(thrown);
    const handlers = this.#handlersOf(event.type);
    if (handlers.length === 0) this.skipped++;
    for (const handler of handlers) {
      const counts = this.#countsOf(handler);
      if (!handler.replay) counts.skipped++;
      else if (this.calls.dryRun) counts.failed++;
      else {
        const kept = await this.#bury(handler, event, [failedAttempt(error, Date.now())], error);
        if (!kept) return false;
        counts.failed++;
      }
    }
    return true;
  }

  async #call(handler: HandlerEntry, event: Event): Promise<'handled' | 'failed' | 'stopped'> {
    const { correlation } = this.parts.options;
    const attempts: HandlerAttempt[] = [];
    for (let attempt = 1; ; attempt++) {
      if (this.calls.stopping.aborted && attempt > 1) return 'stopped';
      const startedAt = Date.now();
      try {
        const context = this.#contextFor(handler, attempt);
        const result = runApart(correlation ? event : undefined, invoke, event, handler, context);
        if (isThenable(result)) await result;
        return 'handled';
      } catch (thrown) {
        // Interrupted by ourselves: not the handler's fault.
        if (this.parts.lifecycle.lifetime.aborted) return 'stopped';
        const error = toError(thrown);
        attempts.push(failedAttempt(error, startedAt));
        const delayMs = this.#delayAfter(handler, thrown, attempt);
        if (delayMs === undefined) {
          return (await this.#bury(handler, event, attempts, error)) ? 'failed' : 'stopped';
        }
        const notice = { error, event, handlerId: handler.id, attempt, at: new Date() };
        this.parts.notices.notify({ ...notice, action: 'retry', delayMs });
        await pause(delayMs, this.calls.stopping);
      }
    }
  }

  /** A `retryIf` that throws decides nothing. */
  #delayAfter({ retry }: HandlerEntry, thrown: unknown, attempt: number): number | undefined {
    try {
      return nextDelayMs(thrown, attempt, retry);
    } catch (error) {
      this.parts.notices.report(toError(error));
      return backoffMs(retry, attempt);
    }
  }

  /** @returns Whether the entry is written: stopping is all that keeps it from that. */
  async #bury(
    { id }: HandlerEntry,
    event: Event,
    attempts: readonly HandlerAttempt[],
    error: Error,
  ): Promise<boolean> {
    const letter = createDeadLetter(event, id, boundedHistory(attempts));
    let written = false;
    const write = async () => {
      await this.parts.keepDeadLetter(letter, error);
      written = true;
    };
    await insist(write, this.calls.stopping, (problem) => this.parts.notices.report(problem));
    return written;
  }

  #handlersOf(type: string): readonly HandlerEntry[] {
    const { registry } = this.parts;
    // A name that handlers cannot listen to.
    if (type === '' || type.includes('*')) return [];
    const plan = registry.plan(type);
    let handlers = this.#groups.get(plan);
    if (handlers === undefined) {
      handlers = plan.all.handlers.filter(({ id }) => this.#isChosen(id));
      this.#groups.set(plan, handlers);
    }
    return handlers;
  }

  #countsOf({ id }: HandlerEntry): Counts {
    let counts = this.counts.get(id);
    if (counts === undefined) this.counts.set(id, (counts = { handled: 0, failed: 0, skipped: 0 }));
    return counts;
  }

  /** First tries share one context. */
  #contextFor(handler: HandlerEntry, attempt: number): HandlerContext {
    if (attempt > 1) return this.#newContext(handler, attempt);
    let context = this.#firstTries.get(handler);
    if (context === undefined) this.#firstTries.set(handler, (context = this.#newContext(handler, attempt)));
    return context;
  }

  #newContext({ id, firstTry }: HandlerEntry, attempt: number): HandlerContext {
    return new CallContext(id, firstTry.bus, [firstTry], firstTry, attempt, true, this.calls.facts);
  }
}

function invoke(event: Event, handler: HandlerEntry, context: HandlerContext): unknown {
  return handler.invoke(event, context);
}

function choiceOf(chosen: readonly string[] | undefined, ids: readonly string[]): (id: string) => boolean {
  if (chosen === undefined) return () => true;
  for (const pattern of chosen) {
    const set = new PatternSet([pattern]);
    if (ids.some((id) => id === pattern || set.covers(id))) continue;
    throw new EventConfigurationError(
      `A replay was to call the handlers '${pattern}', but the bus has none of that id. It has ${[...new Set(ids)].join(', ') || 'no handlers'}.`,
    );
  }
  const set = new PatternSet(chosen);
  return (id) => chosen.includes(id) || set.covers(id);
}
