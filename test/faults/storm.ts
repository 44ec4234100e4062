import { randomInt } from 'node:crypto';
import type { TestServer } from '../support/services/private-server.js';
import { HANDLERS } from './programs/settings.js';
import { seededRandom } from './random.js';
import type { ServiceProcess } from './service-process.js';
import type { Stage } from './stage.js';

/** How hard it blows. */
export interface StormPlan {
  readonly events: number;
  readonly perSecond: number;
  readonly consumers: number;
  /** Calls of handlers between two kills of a consumer, on average. */
  readonly linesBetweenKills: number;
  /** How far the traffic is when Redis is killed, each from 0 to 1. */
  readonly outagesAt: readonly number[];
  /** Decides which consumer is killed when. The rest of the timing is that of the machine. */
  readonly seed: number;
}

/** From the environment: FAULT_EVENTS for how many, FAULT_SEED for the seed of an earlier run. */
export function planFromEnvironment(): StormPlan {
  const { FAULT_EVENTS = '5000', FAULT_SEED } = process.env;
  const events = Number(FAULT_EVENTS);
  const outages = Math.max(2, Math.floor(events / 2500));
  return {
    events,
    perSecond: 500,
    consumers: 2,
    linesBetweenKills: 1000,
    outagesAt: Array.from({ length: outages }, (_, i) => (i + 1) / (outages + 1)),
    seed: FAULT_SEED === undefined ? randomInt(2 ** 31) : Number(FAULT_SEED),
  };
}

/** Moments of a storm, in Unix milliseconds. */
export interface StormLog {
  readonly kills: readonly number[];
  /** When Redis answered again. */
  readonly redisBack: readonly number[];
}

/** Traffic for consumers that are killed again and again, on a Redis that is killed, too. */
export class Storm {
  readonly #kills: number[] = [];
  readonly #redisBack: number[] = [];
  readonly #random: () => number;
  #consumers: ServiceProcess[] = [];

  constructor(
    private readonly stage: Stage,
    private readonly server: TestServer,
    private readonly plan: StormPlan,
  ) {
    this.#random = seededRandom(plan.seed);
  }

  /** Resolves when the traffic is confirmed and the last kill is over; work may be left. */
  async blow(): Promise<StormLog> {
    this.#consumers = Array.from({ length: this.plan.consumers }, () => this.#launchConsumer());
    await Promise.all(this.#consumers.map(({ ready }) => ready));
    const producer = this.stage.launch({
      handles: false,
      // Short, so that an outage makes publishes fail, not only wait.
      publishTimeoutMs: 1000,
      traffic: { until: this.plan.events, perSecond: this.plan.perSecond },
    });
    await Promise.all([producer.placed, this.#killConsumers(), this.#killRedis()]);
    return { kills: this.#kills, redisBack: this.#redisBack };
  }

  /** Whatever the victim is doing then: handling, acknowledging, starting. */
  async #killConsumers(): Promise<void> {
    const { linesBetweenKills, events } = this.plan;
    const enough = events * HANDLERS.length * 0.95;
    for (let next = linesBetweenKills; next < enough; next += linesBetweenKills * (0.5 + this.#random())) {
      await this.#handled(next);
      const index = Math.floor(this.#random() * this.#consumers.length);
      await this.#consumers[index]!.kill();
      this.#kills.push(Date.now());
      this.#consumers[index] = this.#launchConsumer();
    }
  }

  /** Each outage lasts until it was felt: a publish was rejected. */
  async #killRedis(): Promise<void> {
    for (const share of this.plan.outagesAt) {
      const confirmed = Math.floor(this.plan.events * share);
      await this.stage.until(`${confirmed} orders to be placed`, (ledger) => {
        return ledger.of('confirmed').size >= confirmed;
      });
      const unconfirmed = this.stage.ledger.lines('unconfirmed');
      await this.server.kill9();
      await this.stage.until(
        'a publish to be rejected',
        (ledger) => ledger.lines('unconfirmed') > unconfirmed,
      );
      await this.server.restart();
      this.#redisBack.push(Date.now());
    }
  }

  #launchConsumer(): ServiceProcess {
    return this.stage.launch({ workMs: 2 });
  }

  async #handled(lines: number): Promise<void> {
    const count = Math.floor(lines);
    const timeoutMs = 60_000;
    await this.stage.until(`${count} handled`, (ledger) => ledger.lines(...HANDLERS) >= count, timeoutMs);
  }
}
