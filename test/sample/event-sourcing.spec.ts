import { afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import { assertBuilt } from '../support/built-package.js';
import { startPostgres } from '../support/services/postgres.js';
import { waitFor } from '../support/wait-for.js';
import { buildSample, DataFolder, SampleProcess } from './sample-process.js';

jest.setTimeout(180_000);

let data: DataFolder;
let sample: SampleProcess | undefined;

beforeAll(() => {
  assertBuilt();
  buildSample('03-event-sourcing');
}, 180_000);
beforeEach(async () => {
  data = await DataFolder.make();
});
afterEach(async () => {
  await sample?.kill();
  await data.remove();
});

const paper = { article: 'paper', quantity: 2, cents: 450 };
const ink = { article: 'ink', quantity: 1, cents: 900 };

/** Where the sample serves, once it does. */
async function start(environment: Record<string, string>): Promise<string> {
  sample = new SampleProcess('03-event-sourcing', [], environment);
  const line = await sample.until(/http:\/\/localhost:\d+\/orders/, 60_000);
  return line.replace('/orders', '');
}

async function call(method: string, url: string, body?: object): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

/** Waits until both read models have everything. */
async function upToDate(url: string): Promise<void> {
  const isUpToDate = async () => {
    const { body } = await call('GET', `${url}/projections`);
    return (body as { state: string; lagMs: number }[]).every(
      ({ state, lagMs }) => state === 'live' && lagMs === 0,
    );
  };
  await waitFor(isUpToDate, { timeoutMs: 60_000, message: 'the read models to be up to date' });
}

/** Places four orders; pays, ships and cancels one each. */
async function trade(url: string): Promise<void> {
  const orders = `${url}/orders`;
  const place = async (customer: string, lines: object[]) => {
    const answer = await call('POST', orders, { customer, lines });
    expect(answer).toMatchObject({ status: 201, body: { status: 'placed', version: 1 } });
    return `${orders}/${(answer.body as { id: string }).id}`;
  };
  await place('Ada', [paper, ink]);
  const grace = await place('Grace', [paper]);
  const mary = await place('Mary', [ink]);
  const joan = await place('Joan', [paper, paper]);

  expect(await call('POST', `${grace}/payment`)).toMatchObject({ body: { status: 'paid', version: 2 } });
  await call('POST', `${mary}/payment`);
  const shipped = await call('POST', `${mary}/shipment`, { parcel: 'P1' });
  expect(shipped).toMatchObject({ status: 200, body: { status: 'shipped', version: 3 } });
  await call('DELETE', joan, { reason: 'changed her mind' });

  const history = await call('GET', `${mary}/history`);
  expect(history.body).toMatchObject([
    { type: 'order.placed', data: { customer: 'Mary' } },
    { type: 'order.paid', data: { cents: 900 } },
    { type: 'order.shipped', data: { parcel: 'P1' } },
  ]);
  expect(await call('DELETE', mary, { reason: 'too late' })).toMatchObject({
    status: 409,
    body: { message: 'The order cannot be cancelled: it is shipped.' },
  });
  const wrong = await call('POST', orders, { customer: 'Eve', lines: [{ ...ink, quantity: 0 }] });
  expect(wrong).toMatchObject({
    status: 400,
    body: { message: expect.stringContaining('lines.0.quantity') },
  });
  expect((await call('POST', `${orders}/nobody/payment`)).status).toBe(404);
}

/** What the read models have after {@link trade}. */
async function expectReadModels(url: string): Promise<void> {
  await upToDate(url);
  const { body: orders } = await call('GET', `${url}/orders`);
  expect(orders).toMatchObject([
    { customer: 'Ada', cents: 1800, status: 'placed' },
    { customer: 'Grace', cents: 900, status: 'paid' },
    { customer: 'Mary', cents: 900, status: 'shipped' },
    { customer: 'Joan', cents: 1800, status: 'cancelled' },
  ]);
  const { body: sales } = await call('GET', `${url}/sales`);
  expect(sales).toEqual([
    { article: 'paper', quantity: 4 },
    { article: 'ink', quantity: 2 },
  ]);
}

it('keeps orders and read models in this process, across a kill and a stop', async () => {
  const environment = { DATA_DIR: data.path };
  let url = await start(environment);
  await trade(url);
  await expectReadModels(url);
  await sample!.kill();

  url = await start(environment);
  await expectReadModels(url);
  for (const name of ['order-list', 'sales']) {
    const { status, body } = await call('POST', `${url}/projections/${name}/rebuild`);
    expect(status).toBe(201);
    expect(body).toHaveLength(2);
  }
  await expectReadModels(url);
  expect(await call('POST', `${url}/projections/profits/rebuild`)).toMatchObject({
    status: 404,
    body: { message: "There is no projection 'profits'. There are: 'order-list', 'sales'." },
  });

  sample!.interrupt();
  expect(await sample!.exited).toBe(null);
  expect(sample!.output).not.toContain('Error');
});

it('works the same on a PostgreSQL', async () => {
  const server = await startPostgres();
  try {
    const url = await start({ DATABASE_URL: server.url });
    await trade(url);
    await expectReadModels(url);
    expect(sample!.output).not.toContain(server.url);
  } finally {
    await sample!.kill();
    await server.stop();
  }
});

it('says when there is no database where DATABASE_URL leads, without its password', async () => {
  sample = new SampleProcess('03-event-sourcing', [], {
    DATABASE_URL: 'postgresql://a:secret@127.0.0.1:1/a',
  });
  expect(await sample.exited).toBe(2);
  expect(sample.output).toContain(
    'DATABASE_URL does not lead to a PostgreSQL that lets you in: connect ECONNREFUSED',
  );
  expect(sample.output).not.toContain('secret');
});
