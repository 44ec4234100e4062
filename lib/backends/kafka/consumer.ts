import type { KafkaClient } from '../../clients/kafka/client.js';
import { within } from '../../clients/in-time.js';
import type { DeadLetter, DeadLetterStore } from '../../dead-letters/dead-letter.js';
import { toError } from '../../dispatch/failure.js';
import type { Event } from '../../event.js';
import { pause } from '../../timer.js';
import type { EventDispatcher, HandlerRetry, KeyFailurePolicy } from '../backend.js';
import { Lookahead } from '../shared/lookahead.js';
import { Suspects } from '../shared/suspects.js';
import { type ClaimLeases, Workers } from '../shared/workers.js';
import type { Claim } from './claim.js';
import { HeldStates } from './held-states.js';
import { Intake } from './intake.js';
import type { Names } from './names.js';
import { readEvent, readFacts } from './record.js';
import { Settler } from './settler.js';

/** How long a drain waits for the brokers to take what is known. */
const FLUSH_MS = 2000;
const RETRY_MS = 200;

/** What a consumer is made of. */
export interface ConsumerContext {
  readonly client: KafkaClient;
  readonly names: Names;
  readonly group: string;
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly maxDeliveries: number;
  readonly publishTimeoutMs: number;
  readonly startFrom: 'first' | 'next';
  readonly onKeyFailure: KeyFailurePolicy;
  readonly deadLetters: DeadLetterStore;
  readonly dispatch: EventDispatcher;
  readonly retry: (event: Event, retry: HandlerRetry) => Promise<void>;
  readonly ensure: () => Promise<void>;
  readonly report: (error: Error) => void;
  readonly deadLettered: (entry: DeadLetter, error: Error) => void;
}

/** Handles the records of a service's topics, as many as there is room for, and takes that down in order. */
export class Consumer implements ClaimLeases<Claim> {
  readonly #held = new Set<Claim>();
  readonly #settler: Settler;
  readonly #workers: Workers<Claim>;
  readonly #lookahead: Lookahead;
  readonly #intake: Intake;
  readonly #retryTopic: string;
  readonly #stop = new AbortController();
  #reported = 0;
  #draining: Promise<void> | undefined;

  constructor(private readonly context: ConsumerContext) {
    const { client, names, group, concurrency, maxDeliveries, publishTimeoutMs, onKeyFailure } = context;
    this.#retryTopic = names.retry(group);
    this.#lookahead = new Lookahead(concurrency);
    const states = new HeldStates(client, names.state(group), publishTimeoutMs);
    this.#intake = new Intake({
      ...context,
      group: names.group(group),
      topics: [...names.all, this.#retryTopic],
      sessionMs: context.leaseMs,
      ordered: (topic) => topic !== this.#retryTopic,
      room: () => concurrency + this.#lookahead.size - this.#held.size,
      begin: (claim) => this.#begin(claim),
      lost: (claim) => {
        claim.lose();
        this.release(claim);
      },
      restore: (progress, partition) => states.restore(progress, partition),
    });
    this.#settler = new Settler({
      ...context,
      states,
      leases: this,
      holdsKey: ({ key }) => key !== undefined && onKeyFailure === 'block-key',
      progressed: () => this.#progressed(),
    });
    this.#workers = new Workers({
      ...context,
      leases: this,
      settler: this.#settler,
      lookahead: this.#lookahead,
      suspects: new Suspects(
        maxDeliveries,
        ({ taken }) => taken,
        (claim) => this.#count(claim),
      ),
      admits: (claim) => {
        claim.begun = true;
        claim.partition.progress.begin(claim.offset);
        return true;
      },
      read: (claim) => {
        if (claim.record.topic === this.#retryTopic) claim.facts = readFacts(claim.record);
        return readEvent(claim.record);
      },
      idOf: ({ record: { topic, partition, offset } }) => `${topic}/${partition}/${offset}`,
    });
    this.#workers.onRoom = () => this.#intake.poke();
  }

  /** Whether it has its place in the group, and brokers answer. */
  get consuming(): boolean {
    return this.#intake.well;
  }

  get busy(): boolean {
    const waiting = this.#intake.partitions.some(({ claims }) => claims.size > 0);
    return this.#held.size + this.#settler.size > 0 || waiting || this.#intake.dirty;
  }

  start(): Promise<void> {
    return this.#intake.start();
  }

  add(claim: Claim): void {
    this.#held.add(claim);
  }

  release(claim: Claim): void {
    this.#held.delete(claim);
  }

  counters(): Readonly<Record<string, number>> {
    const { partitions, lostClaims } = this.#intake;
    const sum = (count: (partition: (typeof partitions)[number]) => number) =>
      partitions.reduce((total, each) => total + count(each), 0);
    return {
      inFlight: this.#workers.running,
      buffered: this.#workers.buffered + sum(({ ready }) => ready),
      scheduled: sum(({ scheduled }) => scheduled),
      stale: this.#settler.stale + lostClaims,
      partitions: partitions.length,
    };
  }

  /** @returns How many records were given back since the last call. */
  async drain(signal: AbortSignal): Promise<number> {
    await (this.#draining ??= this.#drain(signal));
    const given = this.#settler.released - this.#reported;
    this.#reported += given;
    return given;
  }

  /** Ends what is left. Call {@link drain} first. */
  close(): void {
    this.#stop.abort();
    this.#settler.stop();
  }

  #begin(claim: Claim): void {
    claim.facts = claim.held[0];
    this.#workers.accept(claim);
  }

  #progressed(): void {
    this.#intake.commitSoon();
    this.#intake.poke();
  }

  /** Counts a beginning of a suspect: only the one process that has it does. */
  async #count(claim: Claim): Promise<number> {
    const { progress } = claim.partition;
    const before = progress.begun.get(claim.offset) ?? 0;
    progress.begun.set(claim.offset, before + 1);
    // It must not begin before that is stored, and must not be left lying when it cannot be.
    while (!claim.lost) {
      try {
        await this.#intake.commitNow(claim.partition);
        break;
      } catch (error) {
        this.context.report(toError(error));
        await pause(RETRY_MS, this.#stop.signal);
        if (this.#stop.signal.aborted) throw error;
      }
    }
    return before;
  }

  async #drain(signal: AbortSignal): Promise<void> {
    await this.#workers.drain(signal, this.#intake.stop());
    if (this.context.client.connected) await within(FLUSH_MS, this.#settler.stored());
    await this.#intake.leave(this.context.client.connected ? FLUSH_MS : 1);
  }
}
