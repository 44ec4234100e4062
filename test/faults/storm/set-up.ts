import { startPostgres } from '../../support/services/postgres.js';
import type { TestServer } from '../../support/services/private-server.js';
import { startRedis } from '../../support/services/redis.js';
import { durable } from '../brokers/kinds.js';
import type { Broker } from '../brokers/servers.js';
import type { BuiltPrograms } from '../build-programs.js';
import { EffectsDatabase } from '../effects-database.js';
import { Stage, type StageInbox } from '../stage.js';
import type { StormPlan } from './plan.js';

/** Servers of its own and a stage for one storm. */
export interface StormSite {
  readonly stage: Stage;
  readonly broker: Broker;
  readonly database: TestServer | undefined;
  close(): Promise<void>;
}

/** Longer than any fault without a kill, so that nobody takes a claim from a process that lives. */
const LONG_CLAIM_MS = 60_000;
const SHORT_CLAIM_MS = 1500;

export async function setUp(plan: StormPlan, programs: BuiltPrograms): Promise<StormSite> {
  const closers: (() => Promise<void>)[] = [];
  const opened = <T extends object>(thing: T, close: (thing: T) => Promise<void>): T => {
    closers.unshift(() => close(thing));
    return thing;
  };
  const close = async () => {
    for (const each of closers) await each();
  };
  try {
    const backend = durable(plan.kind);
    const broker = opened(await backend.server.start(), (each) => each.stop());
    const redis = backend.deadLettersApart && opened(await startRedis(), (each) => each.stop()).url;
    let database: TestServer | undefined;
    let inbox: StageInbox | undefined;
    if (plan.inbox === 'redis') inbox = { kind: 'redis', leaseMs: LONG_CLAIM_MS };
    if (plan.inbox === 'postgres') {
      database = opened(await startPostgres(), (each) => each.stop());
      const effects = opened(await EffectsDatabase.open(database.url), (each) => each.close());
      inbox = { kind: 'postgres', leaseMs: SHORT_CLAIM_MS, database: effects };
    }
    const { deadLetterStore } = plan;
    const stage = await Stage.open(plan.kind, broker.url, programs, { deadLetterStore, inbox, redis });
    opened(stage, (each) => each.close());
    return { stage, broker, database, close };
  } catch (error) {
    await close();
    throw error;
  }
}
