import type { DeadLetter, DeadLetterStore } from '../../dead-letters/dead-letter.js';
import { type DispatchOutcome, type EventDispatcher, HANDLED, HANDLED_NOW } from '../backend.js';
import type { Suspects } from '../shared/suspects.js';
import type { JobClaim } from './job-claim.js';
import { type Loss, type Message, readJobData, type Turn } from './job-data.js';
import { crashLoop, deadLettersOf, givenUp, unreadableJob } from './rejects.js';
import { type Decision, type Settler, turnsOf } from './settler.js';

/** The parts that a runner works with. */
export interface RunnerParts {
  readonly dispatch: EventDispatcher;
  readonly settler: Settler;
  readonly deadLetters: DeadLetterStore;
  readonly suspects: Suspects<JobClaim>;
  readonly maxDeliveries: number;
  /** The data of a job, byte for byte. */
  readonly readBytes: (jobId: string) => Promise<Buffer | null>;
  /** Tells of a dead letter that no handler made, before it is stored. */
  readonly deadLettered: (entry: DeadLetter, error: Error) => void;
}

const NOTHING: Decision = {
  todo: [],
  lost: [],
  deadLetters: [],
  resolved: [],
  failed: false,
  counts: true,
};

/** Gives a job to the handlers that have not handled it, and has stored what becomes of it. */
export class Runner {
  constructor(private readonly parts: RunnerParts) {}

  /** @returns Whether BullMQ may complete the job; not a promise when its handlers are over at once. */
  run(claim: JobClaim): boolean | Promise<boolean> {
    let message: Message;
    try {
      message = readJobData(claim.job.data);
    } catch (error) {
      return this.#unreadable(claim, error as Error);
    }
    const { refusal } = claim.job;
    if (refusal !== undefined) return this.#bury(claim, message, givenUp(message.event, refusal));
    return this.parts.suspects.isOne(claim) ? this.#suspect(claim, message) : this.#first(claim, message);
  }

  #first(claim: JobClaim, message: Message): boolean | Promise<boolean> {
    if (message.remainder !== undefined) return this.#resume(claim, message);
    const dispatched = this.parts.dispatch(message.event, claim);
    return dispatched === HANDLED_NOW ? !claim.lost : this.#conclude(claim, message, dispatched);
  }

  async #conclude(claim: JobClaim, message: Message, dispatched: Promise<DispatchOutcome>): Promise<boolean> {
    const outcome = await dispatched;
    if (claim.lost) return false;
    if (outcome === HANDLED) return true;
    return this.parts.settler.settle(claim, message.body, decide([outcome], [], []));
  }

  async #suspect(claim: JobClaim, message: Message): Promise<boolean> {
    const { suspects, maxDeliveries } = this.parts;
    let completes = false;
    await suspects.inTurn(claim, async (begun) => {
      if (claim.lost) return;
      completes = suspects.isGuilty(begun)
        ? await this.#bury(claim, message, crashLoop(message.event, begun, maxDeliveries))
        : await this.#first(claim, message);
    });
    return completes;
  }

  async #resume(claim: JobClaim, message: Message): Promise<boolean> {
    const { todo, lost } = message.remainder!;
    // Nothing to do, and yet it is here: somebody retried the failed job.
    if (todo.length === 0) {
      if (lost.length === 0)
        return this.parts.settler.settle(claim, message.body, { ...NOTHING, failed: true });
      return this.#deliver(claim, message, await this.#revive(lost), []);
    }
    return this.#deliver(claim, message, todo, lost);
  }

  async #deliver(
    claim: JobClaim,
    { event, body }: Message,
    todo: readonly Turn[],
    lost: readonly Loss[],
  ): Promise<boolean> {
    // A job that was promoted before its time runs what would have been next.
    const now = Math.max(Date.now(), Math.min(...todo.map(({ dueAt }) => dueAt)));
    const later = todo.filter(({ dueAt }) => dueAt > now);
    const outcomes: DispatchOutcome[] = [];
    for (const turn of todo) {
      if (turn.dueAt > now) continue;
      outcomes.push(await this.parts.dispatch(event, claim.deliveryFor(turn)));
      if (claim.lost) return false;
    }
    return this.parts.settler.settle(claim, body, decide(outcomes, later, lost));
  }

  /**
   * Makes the dead letters of a job that is retried `retrying`. One that is so already was not finished by whoever
   * retried it; one that is gone was taken out by hand. Only what succeeded in the meantime stays away.
   */
  async #revive(lost: readonly Loss[]): Promise<Turn[]> {
    const { deadLetters } = this.parts;
    const turns: Turn[] = [];
    for (const { handlerId, deadLetterId } of lost) {
      const entry =
        (await deadLetters.transition(deadLetterId, 'dead', 'retrying')) ??
        (await deadLetters.transition(deadLetterId, 'discarded', 'retrying')) ??
        (await deadLetters.get(deadLetterId));
      if (entry?.status === 'resolved') continue;
      turns.push({ handlerId, attempts: entry?.attempts, deadLetterId: entry?.id, dueAt: 0 });
    }
    return turns;
  }

  #bury(claim: JobClaim, message: Message, reason: Error): Promise<boolean> {
    const deadLetters = deadLettersOf(message, reason, claim.raw);
    for (const entry of deadLetters) this.parts.deadLettered(entry, reason);
    const { lost = [] } = message.remainder ?? {};
    return this.parts.settler.settle(claim, message.body, { ...NOTHING, lost, deadLetters });
  }

  async #unreadable(claim: JobClaim, error: Error): Promise<boolean> {
    const { entry, body } = await unreadableJob(claim, error, () => this.parts.readBytes(claim.id));
    this.parts.deadLettered(entry, error);
    return this.parts.settler.settle(claim, body, { ...NOTHING, deadLetters: [entry] });
  }
}

function decide(
  outcomes: readonly DispatchOutcome[],
  later: readonly Turn[],
  lost: readonly Loss[],
): Decision {
  return {
    todo: [...outcomes.flatMap(turnsOf), ...later],
    lost,
    deadLetters: outcomes.flatMap(({ deadLetters }) => deadLetters),
    resolved: outcomes.flatMap(({ resolved }) => resolved),
    failed: outcomes.some(({ status }) => status === 'failed'),
    counts: outcomes.some(({ retries }) => retries.some(({ deferrals = 0 }) => deferrals === 0)),
  };
}
