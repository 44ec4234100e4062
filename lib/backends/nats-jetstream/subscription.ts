import { randomUUID } from 'node:crypto';
import { readEvent } from '../../clients/nats/cloud-event-message.js';
import { within } from '../../clients/in-time.js';
import type { DeadLetter, DeadLetterStore } from '../../dead-letters/dead-letter.js';
import { toError } from '../../dispatch/failure.js';
import type { EventDispatcher } from '../backend.js';
import { HARMLESS } from '../shared/suspects.js';
import { Beginnings } from './beginnings.js';
import type { Claim } from './claim.js';
import { Consumer, type ConsumerContext } from './consumer.js';
import type { Link } from './link.js';
import { dueAt } from './message.js';
import type { Names } from './names.js';
import type { ResolvedOptions } from './options.js';
import type { Placement } from './placement.js';
import { ProcessConsumers } from './process-consumers.js';
import { TimedRetries } from './timed-retries.js';

/** How long interrupted retries get to tell how far they came, and the server to forget the consumers of a process. */
const STOP_GRACE_MS = 500;

/** What a subscription is made of. */
export interface SubscriptionParts {
  readonly link: Link;
  readonly connected: () => boolean;
  readonly options: ResolvedOptions;
  readonly names: Names;
  readonly group: string;
  readonly broadcast: boolean;
  readonly placement: Placement;
  readonly deadLetters: DeadLetterStore;
  readonly dispatch: EventDispatcher;
  readonly report: (error: Error) => void;
  readonly deadLettered: (entry: DeadLetter, error: Error) => void;
}

/** The consuming side of a process: what it takes for its group, and what it gets for its broadcast handlers. */
export class Subscription {
  readonly #group: Consumer;
  /** Absent without broadcast handlers. */
  readonly #everybody: Consumer | undefined;
  readonly #own: ProcessConsumers | undefined;
  readonly #retries: TimedRetries;
  #ending = false;

  constructor(private readonly parts: SubscriptionParts) {
    const { dispatch, deadLetters, report, link, names, options, broadcast } = parts;
    this.#retries = new TimedRetries(dispatch, deadLetters, report);
    this.#group = this.#consumerOfGroup();
    if (!broadcast) return;
    this.#own = new ProcessConsumers(link, names, randomUUID(), options.leaseMs);
    this.#everybody = this.#consumerOfProcess(this.#own);
  }

  /** Resolves when every event from now on is for this process. */
  async start(): Promise<void> {
    await this.#own?.ensure();
    if (this.#ending) return;
    for (const consumer of this.#consumers) consumer.start();
  }

  /** Whether the server answers. */
  get consuming(): boolean {
    return this.#consumers.every(({ consuming }) => consuming);
  }

  get busy(): boolean {
    return this.#retries.size > 0 || this.#consumers.some(({ busy }) => busy);
  }

  /** The connection is there again. */
  reconnected(): void {
    for (const consumer of this.#consumers) consumer.reconnected();
  }

  counters(): Readonly<Record<string, number>> {
    const sum: Record<string, number> = {};
    for (const consumer of this.#consumers) {
      for (const [name, value] of Object.entries(consumer.counters())) sum[name] = (sum[name] ?? 0) + value;
    }
    return sum;
  }

  /** @returns How many messages were given back for other processes since the last call. */
  async drain(signal: AbortSignal): Promise<number> {
    this.#ending = true;
    const [released] = await Promise.all(this.#consumers.map((consumer) => consumer.drain(signal)));
    this.#retries.stop();
    await within(STOP_GRACE_MS, this.#retries.finished());
    return released!;
  }

  /** Ends what is left. Call {@link drain} first. */
  async close(): Promise<void> {
    for (const consumer of this.#consumers) consumer.close();
    if (this.#own === undefined || !this.parts.connected()) return;
    // The server forgets them by itself as well.
    await within(
      STOP_GRACE_MS,
      this.#own.remove().catch((error: unknown) => this.parts.report(toError(error))),
    );
  }

  get #consumers(): readonly Consumer[] {
    return this.#everybody === undefined ? [this.#group] : [this.#group, this.#everybody];
  }

  #consumerOfGroup(): Consumer {
    const { link, names, group, placement, report } = this.parts;
    const beginnings = new Beginnings(link, names, group, report);
    return new Consumer({
      ...this.#common,
      inbox: `${link.inbox}.pull`,
      audience: 'group',
      consumers: names.consumers(group),
      retry: (event, retry, id) => placement.retry(group, event, retry, id),
      begin: (claim) => beginnings.add(claim),
      end: (claim) => beginnings.forget(claim),
      ensure: () => link.topology.ensure(),
    });
  }

  #consumerOfProcess(own: ProcessConsumers): Consumer {
    return new Consumer({
      ...this.#common,
      inbox: `${this.parts.link.inbox}.all`,
      audience: 'broadcast',
      consumers: own.names,
      retry: async (event, retry) => this.#retries.add(event, retry),
      begin: async ({ deliveries }) => deliveries - 1 - HARMLESS,
      end: () => undefined,
      ensure: () => own.ensure(),
      passesOver: (claim) => {
        if (claim.kind === 'event') own.saw(claim.sequence);
        else if (dueAt(claim.message) < own.since) return true;
        return !isReadable(claim);
      },
    });
  }

  get #common(): Omit<
    ConsumerContext,
    'inbox' | 'audience' | 'consumers' | 'retry' | 'begin' | 'end' | 'ensure'
  > {
    const { link, options, names, connected, deadLetters, dispatch, report, deadLettered } = this.parts;
    const { nc, requests, jsm } = link;
    const { concurrency, leaseMs, maxDeliveries } = options;
    const { stream } = names;
    const look = (consumer: string) => jsm.consumers.info(stream, consumer);
    return {
      nc,
      requests,
      connected,
      stream,
      look,
      concurrency,
      leaseMs,
      maxDeliveries,
      deadLetters,
      dispatch,
      report,
      deadLettered,
    };
  }
}

/** One that is not becomes a dead letter of the group, which reads it as well. */
function isReadable({ message }: Claim): boolean {
  try {
    readEvent(message);
    return true;
  } catch {
    return false;
  }
}
