import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { AggregateRepository } from 'nestjs-durable-events/store';
import { forkProgram } from '../support/fork-program.js';
import { startPostgres } from '../support/services/postgres.js';
import type { TestServer } from '../support/services/private-server.js';
import { startRedis } from '../support/services/redis.js';
import { accounts, type DepositorSettings } from './programs/depositor.js';
import { type Place, storeAt } from './programs/place.js';

jest.setTimeout(300_000);

const DEPOSITS = 20;

describe.each([
  { kind: 'postgres' as const, startServer: startPostgres },
  { kind: 'redis' as const, startServer: startRedis },
])('one aggregate in several processes, in $kind', ({ kind, startServer }) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  }, 60_000);
  afterAll(() => server.stop());

  it('loses no change, and has none twice, when one of them is killed', async () => {
    const place: Place = { kind, url: server.url, namespace: `a_${randomUUID().replaceAll('-', '')}` };
    const settings: DepositorSettings = { place, deposits: DEPOSITS };
    const store = await storeAt(place);
    await store.open();
    let confirmed = 0;
    const depositors = Array.from({ length: 3 }, (_, i) => {
      const path = join(import.meta.dirname, 'programs/depositor.ts');
      const child = forkProgram(path, { SETTINGS: JSON.stringify(settings) });
      child.stderr!.on('data', (text) => process.stderr.write(`depositor: ${String(text)}`));
      let own = 0;
      child.on('message', (message) => {
        if (message !== 'deposited') return;
        confirmed++;
        if (++own === DEPOSITS / 2 && i === 0) child.kill('SIGKILL');
      });
      return once(child, 'exit');
    });
    const exits = await Promise.all(depositors);
    expect(exits).toEqual([
      [null, 'SIGKILL'],
      [0, null],
      [0, null],
    ]);

    const { state, version } = await new AggregateRepository(store, accounts).load('shared');
    const stored = await store.count({ types: 'account.deposited' });
    expect(state.cents).toBe(stored);
    expect(version).toBe(stored);
    // What the killed process had appended and not told is there, too: at most one.
    expect(stored - confirmed).toBeGreaterThanOrEqual(0);
    expect(stored - confirmed).toBeLessThanOrEqual(DEPOSITS / 2);
    expect((await store.snapshots.load('account-shared'))?.version).toBeGreaterThan(stored - 15);
    await store.close();
  });
});
