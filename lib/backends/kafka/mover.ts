import type { KafkaClient } from '../../clients/kafka/client.js';
import { within } from '../../clients/in-time.js';
import { toError } from '../../dispatch/failure.js';
import { pause } from '../../timer.js';
import type { Claim } from './claim.js';
import type { Envelopes } from './envelopes.js';
import { Intake } from './intake.js';
import type { Names } from './names.js';
import { headerOf, TOPIC } from './record.js';

/** Events that are on their way to their topics at once. */
const MOST = 500;
const RETRY_MS = 200;
const FLUSH_MS = 2000;

/** What a mover is made of. */
export interface MoverContext {
  readonly client: KafkaClient;
  readonly names: Names;
  readonly envelopes: Envelopes;
  readonly leaseMs: number;
  readonly publishTimeoutMs: number;
  readonly ensure: () => Promise<void>;
  readonly report: (error: Error) => void;
}

/**
 * Moves events to their topics when their time has come. One of all processes that consume in a namespace does so for
 * each of them: services see them as any other event, in the order of their key from then on.
 */
export class Mover {
  readonly #intake: Intake;
  readonly #moving = new Set<Claim>();
  readonly #stop = new AbortController();

  constructor(private readonly context: MoverContext) {
    const { names, leaseMs } = context;
    this.#intake = new Intake({
      ...context,
      group: names.movers,
      topics: [names.delayed],
      sessionMs: leaseMs,
      startFrom: 'first',
      ordered: () => false,
      room: () => MOST - this.#moving.size,
      begin: (claim) => void this.#move(claim),
      lost: (claim) => {
        claim.lose();
        this.#moving.delete(claim);
      },
    });
  }

  get well(): boolean {
    return this.#intake.well;
  }

  start(): Promise<void> {
    return this.#intake.start();
  }

  async stop(): Promise<void> {
    await this.#intake.stop();
    if (this.context.client.connected) await within(FLUSH_MS, this.#moved());
    this.#stop.abort();
    await this.#intake.leave(this.context.client.connected ? FLUSH_MS : 1);
  }

  async #moved(): Promise<void> {
    while (this.#moving.size > 0) await pause(5, this.#stop.signal);
  }

  async #move(claim: Claim): Promise<void> {
    const { client, names, envelopes, publishTimeoutMs, report } = this.context;
    const { record, partition } = claim;
    claim.begun = true;
    this.#moving.add(claim);
    const topic = headerOf(record, TOPIC) ?? names.events;
    const key = record.key?.toString();
    const headers = Object.fromEntries(
      record.headers
        .map(([name, value]) => [String(name), String(value)] as const)
        .filter(([name]) => name !== TOPIC),
    );
    while (!claim.lost && !this.#stop.signal.aborted) {
      try {
        const moved = {
          topic,
          partition: envelopes.partitionFor(topic, key),
          key,
          value: record.value,
          headers,
        };
        const [stored] = await client.produce([moved], publishTimeoutMs);
        if (stored instanceof Error) throw stored;
        break;
      } catch (error) {
        report(toError(error));
        await pause(RETRY_MS, this.#stop.signal);
      }
    }
    this.#moving.delete(claim);
    if (claim.lost || this.#stop.signal.aborted) return;
    claim.settled = true;
    partition.done(claim);
    this.#intake.commitSoon();
    this.#intake.poke();
  }
}
