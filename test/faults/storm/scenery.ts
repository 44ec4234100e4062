import type { TestServer } from '../../support/services/private-server.js';
import { losses } from '../accounts.js';
import { durable } from '../brokers/kinds.js';
import type { Broker } from '../brokers/servers.js';
import { seededRandom } from '../random.js';
import type { ServiceProcess } from '../service-process.js';
import type { Stage } from '../stage.js';
import type { StormPlan } from './plan.js';
import { wayTo, type Way } from './way.js';

/**
 * One consumer after the other in the same place, all on one way. One that cannot start, as when the broker refuses
 * writes, is started again.
 */
export interface Consumer {
  readonly way: Way;
  readonly service: ServiceProcess;
  /** Resolves with the one that has started. */
  ready(): Promise<ServiceProcess>;
  /** Does not wait until it is ready. */
  relaunch(): void;
}

/** What a storm is made of. */
export interface StormSetup {
  readonly stage: Stage;
  readonly broker: Broker;
  readonly database: TestServer | undefined;
  readonly plan: StormPlan;
  readonly seed: number;
}

/** What faults hit. */
export class Scenery {
  readonly random: () => number;

  private constructor(
    readonly stage: Stage,
    readonly broker: Broker,
    /** Where the inbox is, if it is not in the broker. */
    readonly database: TestServer | undefined,
    readonly plan: StormPlan,
    seed: number,
    readonly consumers: readonly Consumer[],
    readonly producer: ServiceProcess,
    readonly producerWay: Way,
  ) {
    this.random = seededRandom(seed);
  }

  /** Starts consumers, then a producer. Resolves when all of them run. */
  static async set({ stage, broker, database, plan, seed }: StormSetup): Promise<Scenery> {
    const consumers = await Promise.all(
      Array.from({ length: plan.consumers }, () => consumerOn(stage, broker, plan)),
    );
    await Promise.all(consumers.map((consumer) => consumer.ready()));
    const producerWay = await wayTo(broker);
    const producer = stage.launch({
      url: producerWay.url,
      handles: false,
      // Short, so that an outage makes publishes fail, not only wait.
      publishTimeoutMs: 1000,
      traffic: { until: 'told', perSecond: plan.perSecond, keyed: plan.keyed },
    });
    await producer.ready;
    return new Scenery(stage, broker, database, plan, seed, consumers, producer, producerWay);
  }

  /** Where the events are, unless that is a file. */
  get server(): TestServer | undefined {
    return 'pid' in this.broker ? this.broker : undefined;
  }

  pick(): Consumer {
    return this.consumers[Math.floor(this.random() * this.consumers.length)]!;
  }

  /** Waits until a publish was rejected. */
  readonly untilFelt = async (): Promise<void> => {
    const before = this.stage.ledger.read().lines('unconfirmed');
    await this.stage.until('a publish to be rejected', (ledger) => ledger.lines('unconfirmed') > before);
  };

  /** Resolves with how to end it. */
  refuseWrites(): Promise<() => Promise<void>> {
    return durable(this.plan.kind).server.refuseWrites!(this.broker.url);
  }

  /**
   * While nobody works: every event is with the broker, a dead letter, or done. What the last ones sent may still be
   * on its way.
   */
  async takeInventory(): Promise<void> {
    const confirmed = new Set(this.stage.ledger.read().of('confirmed').keys());
    await this.stage.until('everything to be accounted for', async () => {
      const lost = losses(await this.stage.accounts());
      return !lost.some(({ eventId }) => confirmed.has(eventId));
    });
  }

  async close(): Promise<void> {
    const ways = [this.producerWay, ...this.consumers.map(({ way }) => way)];
    await Promise.all(ways.map(async ({ proxy }) => proxy?.close()));
  }
}

async function consumerOn(stage: Stage, broker: Broker, plan: StormPlan): Promise<Consumer> {
  const way = await wayTo(broker);
  const launch = () => {
    const service = stage.launch({
      ...stage.stores(way.url),
      url: way.url,
      leaseMs: plan.leaseMs,
      workMs: 2,
    });
    service.supervised = true;
    service.ready.catch(() => service.refusedToStart && consumer.relaunch());
    return service;
  };
  const consumer = {
    way,
    service: launch(),
    relaunch: () => {
      consumer.service = launch();
    },
    ready: async (): Promise<ServiceProcess> => {
      const { service } = consumer;
      const started = await service.ready.then(
        () => true,
        () => false,
      );
      if (started) return service;
      if (consumer.service === service) throw new Error(`'${service.name}' was ended before it was ready.`);
      return consumer.ready();
    },
  };
  return consumer;
}
