import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import { createEvent } from 'nestjs-durable-events';
import type { EventStore } from 'nestjs-durable-events/store';
import { Pool } from 'pg';
import { forkProgram } from '../support/fork-program.js';
import { startPostgres } from '../support/services/postgres.js';
import type { TestServer } from '../support/services/private-server.js';
import { waitFor } from '../support/wait-for.js';
import { told } from './crew.js';
import { type Place, storeAt } from './programs/place.js';
import type { ProjectorSettings } from './programs/projector.js';

jest.setTimeout(300_000);

let server: TestServer;
let pool: Pool;
let place: Place;
let store: EventStore;
let children: Set<ChildProcess>;
beforeAll(async () => {
  server = await startPostgres();
  pool = new Pool({ connectionString: server.url, max: 2 });
}, 60_000);
afterAll(async () => {
  await pool.end();
  await server.stop();
});
beforeEach(async () => {
  place = { kind: 'postgres', url: server.url, namespace: `p_${randomUUID().replaceAll('-', '')}` };
  children = new Set();
  store = await storeAt(place);
  await store.open();
});
afterEach(async () => {
  await Promise.all([...children].map(kill));
  await store.close();
});

async function startProjector(workMs = 1): Promise<ChildProcess> {
  const settings: ProjectorSettings = { place, leaseMs: 1000, workMs };
  const path = join(import.meta.dirname, 'programs/projector.ts');
  const child = forkProgram(path, { SETTINGS: JSON.stringify(settings) });
  child.stderr!.on('data', (text) => process.stderr.write(`projector: ${String(text)}`));
  children.add(child);
  child.once('exit', () => children.delete(child));
  await told(child, 'ready');
  return child;
}

/** Appends numbered orders to several streams, in transactions that overlap. */
async function append(from: number, count: number): Promise<void> {
  let next = from;
  const write = async () => {
    while (next < from + count) {
      const n = next++;
      await store.append(createEvent('order.placed', { n }), { streamId: `stream-${n % 7}` });
    }
  };
  await Promise.all(Array.from({ length: 4 }, write));
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

interface Sum {
  readonly stream: string;
  readonly orders: number;
  readonly sum: number;
}

/** What the read model has; nothing while it has no table. */
async function projected(): Promise<Sum[]> {
  const { rows } = await pool.query(`SELECT to_regclass('"${place.namespace}".sums') AS name`);
  if ((rows[0] as { name: string | null }).name === null) return [];
  const found = await pool.query(`SELECT * FROM "${place.namespace}".sums ORDER BY stream`);
  return found.rows as Sum[];
}

/** What it should have. */
async function expectedSums(): Promise<Sum[]> {
  const sums = new Map<string, Sum>();
  for await (const { streamId, data } of store.load({ types: 'order.*' })) {
    const { orders, sum } = sums.get(streamId!) ?? { orders: 0, sum: 0 };
    sums.set(streamId!, {
      stream: streamId!,
      orders: orders + 1,
      sum: sum + (data as { n: number }).n,
    });
  }
  return [...sums.values()].sort((a, b) => (a.stream < b.stream ? -1 : 1));
}

const ordersIn = (sums: readonly Sum[]) => sums.reduce((total, { orders }) => total + orders, 0);

async function untilProjected(count: number): Promise<void> {
  await waitFor(async () => ordersIn(await projected()) >= count, {
    timeoutMs: 150_000,
    intervalMs: 50,
    message: `${count} orders in the read model`,
  });
}

it('a projection that is killed again and again applies each event once', async () => {
  const appended = append(0, 300);
  for (let kills = 0; kills < 3; kills++) {
    const projector = await startProjector();
    await told(projector, 'working');
    await setTimeout(Math.random() * 100);
    await kill(projector);
  }
  await appended;
  await startProjector();
  await untilProjected(300);
  expect(await projected()).toEqual(await expectedSums());
});

/** The one of two processes that handles the events, once it does, and the other one. */
async function roles(
  a: ChildProcess,
  b: ChildProcess,
): Promise<{ owner: ChildProcess; other: ChildProcess }> {
  const working = (child: ChildProcess) => told(child, 'working').then(() => child);
  const owner = await Promise.any([working(a), working(b)]);
  return { owner, other: owner === a ? b : a };
}

it('of two processes the other goes on when one is killed', async () => {
  const [a, b] = await Promise.all([startProjector(), startProjector()]);
  const appended = append(0, 200);
  const { owner } = await roles(a, b);
  await kill(owner);
  await appended;
  await untilProjected(200);
  expect(await projected()).toEqual(await expectedSums());
});

it('a rebuild that is killed at its beginning or in its middle is finished by the next process', async () => {
  await append(0, 100);
  const first = await startProjector();
  await untilProjected(100);
  await pool.query(`UPDATE "${place.namespace}".sums SET sum = 0`); // what a rebuild is for
  first.send('rebuild');
  await setTimeout(Math.random() * 20);
  await kill(first);
  const second = await startProjector();
  second.send('rebuild');
  await told(second, 'working');
  await kill(second);
  await append(100, 50);
  await startProjector();
  await untilProjected(150);
  expect(await projected()).toEqual(await expectedSums());
});

it('a rebuild takes the projection from the process that runs it, which writes nothing more', async () => {
  const [a, b] = await Promise.all([startProjector(20), startProjector(20)]);
  const appended = append(0, 100);
  const { other } = await roles(a, b);
  other.send('rebuild');
  await told(other, 'rebuilt');
  await appended;
  await append(100, 20);
  await untilProjected(120);
  expect(await projected()).toEqual(await expectedSums());
});
