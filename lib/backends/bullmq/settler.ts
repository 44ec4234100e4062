import type { DeadLetter, DeadLetterStore } from '../../dead-letters/dead-letter.js';
import type { DispatchOutcome, HandlerRetry } from '../backend.js';
import { insist } from '../../clients/insist.js';
import type { EventWorker } from './event-worker.js';
import type { JobClaim } from './job-claim.js';
import { Outages } from './outages.js';
import { type Loss, type Remainder, type Turn, writeJobData } from './job-data.js';

/** What follows from the deliveries of one job. */
export interface Decision {
  readonly todo: readonly Turn[];
  /** Handlers that gave up earlier. */
  readonly lost: readonly Loss[];
  readonly deadLetters: readonly DeadLetter[];
  /** Dead letters that a retry has settled. */
  readonly resolved: readonly string[];
  /** Some handler failed, also if its dead letter is kept elsewhere. */
  readonly failed: boolean;
  /** The try counts: it was not only interrupted or put off. */
  readonly counts: boolean;
}

/** Field of a job: how often it was begun under suspicion. */
export const BEGUN = 'begun';

/** The state that a job is moved to, in one step with its data. */
interface Fields {
  readonly data: string;
  readonly failedReason?: string;
  readonly stacktrace?: string;
  /** BullMQ's count of lost locks, and ours of what came after: they begin anew with every outcome that is stored. */
  readonly stc: 0;
  readonly [BEGUN]: 0;
}

/** Codes of BullMQ: the job, its lock or its place among the active ones is gone, or the lock is another's. */
const NOT_OURS: ReadonlySet<unknown> = new Set([-1, -2, -3, -6]);

/** Where a dead letter is that no store of ours was given. */
const KEPT_ELSEWHERE = 'A handler gave up. Its dead letter is in the store of the module: retry it there.';

/** Stores what has to happen next with a job, and moves it to the state of BullMQ that says so. */
export class Settler {
  readonly #stop = new AbortController();
  readonly #outages: Outages;

  constructor(
    private readonly worker: () => EventWorker,
    private readonly deadLetters: DeadLetterStore,
    report: (error: Error) => void,
  ) {
    this.#outages = new Outages(report);
  }

  /**
   * Dead letters first, then the job: a process that dies in between repeats, and loses nothing.
   *
   * @returns Whether BullMQ may complete the job: it has not been moved anywhere.
   */
  async settle(claim: JobClaim, body: string, decision: Decision): Promise<boolean> {
    const { todo, deadLetters, resolved, failed, counts } = decision;
    if (deadLetters.length > 0) await this.#untilDone(claim, () => this.deadLetters.add(deadLetters));
    for (const id of resolved) {
      await this.#untilDone(claim, () => this.deadLetters.transition(id, 'retrying', 'resolved'));
    }
    const lost = [...decision.lost, ...deadLetters.map(lossOf)];
    if (todo.length > 0) {
      await this.#untilDone(claim, () => this.#delay(claim, body, { todo, lost }, counts));
    } else if (lost.length > 0 || failed) {
      await this.#untilDone(claim, () => this.#fail(claim, body, lost, deadLetters));
    } else {
      return !claim.lost && !this.#stop.signal.aborted;
    }
    return false;
  }

  /** Puts a job back at the head of its queue; others may take it at once. */
  async giveBack({ id, token }: JobClaim): Promise<void> {
    await this.worker().getBackend().moveJobFromActiveToWait(id, token);
  }

  /** Gives up what cannot be stored now: it will be delivered again. */
  stop(): void {
    this.#stop.abort();
  }

  async #delay({ id, token }: JobClaim, body: string, remainder: Remainder, counts: boolean): Promise<void> {
    const now = Date.now();
    const dueAt = Math.min(...remainder.todo.map((turn) => turn.dueAt));
    const error = remainder.todo.findLast(({ attempts }) => attempts?.length)?.attempts!.at(-1)!.error;
    const fieldsToUpdate: Fields = {
      data: writeJobData(body, remainder),
      ...(counts && error && { failedReason: error.message, stacktrace: JSON.stringify([error.stack]) }),
      stc: 0,
      [BEGUN]: 0,
    };
    const delayMs = Math.max(0, Math.ceil(dueAt - now));
    const options = { skipAttempt: !counts, fieldsToUpdate };
    await this.worker().getBackend().moveToDelayed(id, now, delayMs, token, options);
  }

  async #fail(
    { job, token }: JobClaim,
    body: string,
    lost: readonly Loss[],
    deadLetters: readonly DeadLetter[],
  ): Promise<void> {
    const reason = lost.map((loss) => loss.reason).join('; ') || KEPT_ELSEWHERE;
    const stacks = deadLetters.map(({ attempts }) => attempts.at(-1)!.error.stack ?? reason);
    const fields: Fields = {
      data: writeJobData(body, { todo: [], lost }),
      failedReason: reason,
      stacktrace: JSON.stringify(stacks),
      stc: 0,
      [BEGUN]: 0,
    };
    const { removeOnFail } = job.opts;
    // BullMQ takes `undefined` for the policy of the worker, which its type does not tell.
    await this.worker()
      .getBackend()
      .moveToFailed(job, reason, removeOnFail!, token, false, { ...fields });
  }

  /** Tries until it worked, or it is not ours to do any more. */
  async #untilDone(claim: JobClaim, work: () => Promise<unknown>): Promise<void> {
    const attempt = async () => {
      if (claim.lost) return;
      try {
        await work();
        this.#outages.over();
      } catch (error) {
        if (!isNotOurs(error)) throw error;
        claim.lose();
      }
    };
    await insist(attempt, this.#stop.signal, (error) => this.#outages.failed(error));
  }
}

/** Whether BullMQ refused because the job is somebody else's by now, or gone. */
export function isNotOurs(error: unknown): boolean {
  return NOT_OURS.has((error as { code?: unknown }).code);
}

/** What is left to do after the outcome of a delivery. */
export function turnsOf({ retries, released }: DispatchOutcome): Turn[] {
  const now = Date.now();
  return [...retries.map((retry) => turnOf(retry, now)), ...released.map((retry) => turnOf(retry, now))];
}

function turnOf({ delayMs, ...retry }: HandlerRetry, now: number): Turn {
  return { ...retry, dueAt: now + delayMs };
}

function lossOf({ id, handlerId, attempts }: DeadLetter): Loss {
  return { handlerId, deadLetterId: id, reason: `${handlerId}: ${attempts.at(-1)!.error.message}` };
}
