import type { DispatchOutcome, HandlerRetry } from '../backend.js';
import type { DeadLetter } from '../../dead-letters/dead-letter.js';
import type { Claim } from './claim.js';
import { payloadOf, readMessage, type Message } from './codec.js';
import type { RedisConnection } from '../../clients/redis/connection.js';
import { CLOSED_LIMIT } from '../../dead-letters/closed-limit.js';
import { deadKeys, encodeDeadLetter } from '../../dead-letters/redis/codec.js';
import type { Keys } from './keys.js';
import type { Leases, Member } from './leases.js';
import { SETTLE } from './scripts/settling.js';
import { insist } from '../../clients/insist.js';
import { isGroupMissing } from '../../clients/redis/waiting.js';

/** What is to be stored before an entry is acknowledged. */
export type Decision = Pick<DispatchOutcome, 'retries' | 'deadLetters' | 'resolved'>;

/**
 * Stores what has to happen next with an entry and acknowledges it, in one step. A process that dies before has
 * changed nothing; one that dies after, or repeats it, changes nothing more.
 */
export class Settler {
  /** Called after each settlement. */
  onSettled: () => void = () => undefined;
  /** Entries that were given away unfinished. */
  handedBack = 0;
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(
    private readonly connection: RedisConnection,
    private readonly keys: Keys,
    private readonly member: Member,
    private readonly leases: Leases,
    private readonly report: (error: Error) => void,
    private readonly onScheduled: (delayMs: number) => void,
  ) {}

  /** Settlements under way. */
  get size(): number {
    return this.#running.size;
  }

  /**
   * Settles until it worked or the lease was lost.
   *
   * @param before Something to be stored elsewhere first.
   */
  settle(
    claim: Claim,
    eventId: string,
    wire: string,
    decision: Decision,
    before?: () => Promise<void>,
  ): void {
    const { group, consumer } = this.member;
    const args: (string | number)[] = [group, consumer, claim.id, CLOSED_LIMIT];
    args.push(
      decision.retries.length,
      ...decision.retries.flatMap((retry) => retryArgs(retry, claim, eventId, wire)),
    );
    args.push(decision.deadLetters.length, ...decision.deadLetters.flatMap((entry) => deadArgs(entry, wire)));
    args.push(decision.resolved.length, ...decision.resolved);
    if (claim.progress !== undefined) args.push(claim.progress.field, claim.progress.left);
    void this.#track(this.#untilDone(claim, args, decision, before));
  }

  /** Puts an entry that was not handled here where the next free process finds it at once. */
  handBack(claim: Claim): void {
    this.handedBack++;
    if (claim.line) return claim.line.handBack(claim);
    let message: Message;
    try {
      message = readMessage(claim.fields);
    } catch {
      // Unreadable: whoever gets it when its lease ends makes a dead letter of it.
      return this.leases.release(claim);
    }
    const { event, wire, envelope } = message;
    const { group, consumer } = this.member;
    // Shutting down is not the event's fault, so this time does not count.
    const deliveries = claim.deliveries - 1 + (envelope.deliveries ?? 0);
    const payload = payloadOf(wire, { ...envelope, deliveries });
    const args: (string | number)[] = [
      group,
      consumer,
      claim.id,
      CLOSED_LIMIT,
      1,
      event.id,
      0,
      payload,
      0,
      0,
    ];
    void this.#track(this.#untilDone(claim, args));
  }

  /** Resolves when no settlement is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Gives up what cannot be settled now; it will be delivered again. */
  stop(): void {
    this.#stop.abort();
  }

  async #track(settling: Promise<void>): Promise<void> {
    this.#running.add(settling);
    await settling;
    this.#running.delete(settling);
    this.onSettled();
  }

  async #untilDone(
    claim: Claim,
    args: readonly (string | number)[],
    decision?: Decision,
    before?: () => Promise<void>,
  ): Promise<void> {
    if (before) await insist(before, this.#stop.signal, this.report);
    // Where that was given up, the entry is not acknowledged either.
    await insist(() => this.#store(claim, args), this.#stop.signal, this.report);
    this.leases.release(claim);
    for (const { delayMs } of decision?.retries ?? []) this.onScheduled(delayMs);
  }

  async #store(claim: Claim, args: readonly (string | number)[]): Promise<void> {
    if (claim.lost) return;
    try {
      await this.connection.run(SETTLE, this.#keysFor(claim), args);
    } catch (error) {
      if (!isGroupMissing(error)) throw error;
    }
  }

  #keysFor({ stream, progress }: Claim): string[] {
    const { retry, retrySchedule, retryScheduled, shardProgress } = this.keys;
    const keys = [...deadKeys(this.keys), stream, retry, retrySchedule, retryScheduled];
    if (progress !== undefined) keys.push(shardProgress);
    return keys;
  }
}

/**
 * The same retry always has the same name, so that writing it twice is one entry. The id of the event would not do alone:
 * another source may use it, too.
 */
function retryArgs(
  retry: HandlerRetry,
  { stream, id }: Claim,
  eventId: string,
  wire: string,
): (string | number)[] {
  const { handlerId, attempt, delayMs, attempts, deadLetterId, deferrals } = retry;
  const payload = payloadOf(wire, { handlerId, attempt, attempts, deadLetterId, deferrals });
  return [`${eventId}:${handlerId}:${attempt}:${stream}:${id}`, Math.ceil(delayMs), payload];
}

function deadArgs(entry: DeadLetter, wire: string): (string | number)[] {
  return [entry.id, entry.failedAt.getTime(), encodeDeadLetter(entry, wire)];
}
