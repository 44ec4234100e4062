import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { TestServer } from '../support/services/private-server.js';
import { services } from '../support/services/provide.js';
import { startRedis } from '../support/services/redis.js';
import { violations } from './accounts.js';
import { DURABLE_BACKENDS } from './brokers/kinds.js';
import { type BuiltPrograms, buildPrograms } from './build-programs.js';
import type { ServiceProcess } from './service-process.js';
import { describeWithSmallDisk, SmallDisk } from '../support/services/small-disk.js';
import { Stage } from './stage.js';

const TIMEOUT_MS = 90_000;

for (const { kind, title } of DURABLE_BACKENDS.filter(({ server }) => server.isRedis)) {
  const tests = () => {
    let programs: BuiltPrograms;
    let disk: SmallDisk;
    let server: TestServer;
    let stage: Stage;
    beforeAll(() => {
      programs = buildPrograms();
    });
    beforeEach(() => {
      disk = new SmallDisk();
    });
    afterEach(async () => {
      await stage?.close();
      await server?.stop();
      disk.remove();
    });
    afterAll(() => programs?.remove());

    async function underLoad(appendfsync: 'everysec' | 'always'): Promise<ServiceProcess> {
      server = await startRedis({ dir: disk.dir, appendfsync });
      stage = await Stage.open(kind, server.url, programs);
      await stage.start();
      const traffic = { until: 'told', perSecond: 300 } as const;
      const producer = stage.launch({ handles: false, publishTimeoutMs: 1000, traffic });
      await morePlaced();
      return producer;
    }

    async function morePlaced(): Promise<void> {
      const goal = stage.ledger.read().of('confirmed').size + 200;
      await stage.until(`${goal} orders`, (ledger) => ledger.of('confirmed').size >= goal);
    }

    async function untilFelt(): Promise<void> {
      const before = stage.ledger.read().lines('unconfirmed');
      await stage.until('publishes to be rejected', (ledger) => ledger.lines('unconfirmed') >= before + 10);
    }

    async function wrongAfterwards(producer: ServiceProcess): Promise<string[]> {
      producer.enough();
      await producer.placed;
      await stage.untilSettled();
      return violations(await stage.accounts(), { once: false }, stage.broker);
    }

    it(
      'refuses publishes until there is space again, and loses nothing',
      async () => {
        const producer = await underLoad('everysec');
        disk.fill();
        await untilFelt();
        disk.free();
        await morePlaced();
        expect(await wrongAfterwards(producer)).toEqual([]);
      },
      TIMEOUT_MS,
    );

    it(
      'has everything that it confirmed when it died of that and comes back',
      async () => {
        const producer = await underLoad('always');
        disk.fill();
        await stage.until('Redis to give up', () => server.pid === undefined);
        await untilFelt();
        disk.free();
        await server.restart();
        await morePlaced();
        expect(await wrongAfterwards(producer)).toEqual([]);
      },
      TIMEOUT_MS,
    );
  };
  describeWithSmallDisk(`${title}: a Redis whose disk is full`, tests, services.redis);
}
