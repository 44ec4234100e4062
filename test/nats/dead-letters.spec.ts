import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, headers } from '@nats-io/transport-node';
import type { DeadLetterQuery, DeadLetterStore } from 'nestjs-durable-events';
import { NatsJetStreamBackend } from 'nestjs-durable-events/nats';
import { startNats } from '../support/services/nats.js';
import type { TestServer } from '../support/services/private-server.js';
import { letter } from '../stores/sample-letters.js';
import { describeDeadLetterStore } from '../stores/dead-letter-contract.js';

let server: TestServer;
beforeAll(async () => {
  // An entry is one message: the largest of the contract needs more than a server takes by default.
  server = await startNats({ config: 'max_payload: 8388608' });
});
afterAll(() => server.stop());

/** The store of a backend that is made for the service which opens it. */
function storeIn(namespace: string): DeadLetterStore {
  let backend: NatsJetStreamBackend | undefined;
  const open = (group: string) =>
    (backend ??= new NatsJetStreamBackend({ connection: server.url, namespace, group }));
  const store = () => open('orders').deadLetters;
  return {
    open: async (service) => void open(service),
    close: async () => backend?.close(),
    add: (entries) => store().add(entries),
    get: (id) => store().get(id),
    list: async (query) => {
      // The backend does so once a minute. What is open is never pruned.
      if (query?.status !== undefined) await store().prune();
      return store().list(query);
    },
    size: () => store().size(),
    transition: (...change) => store().transition(...change),
    take: (id) => store().take(id),
    purge: (filter) => store().purge(filter),
  };
}

describeDeadLetterStore('NatsJetStreamBackend', { make: storeIn });

it('finds entries that were written before headers told what a list needs to know', async () => {
  const namespace = 'before';
  const store = storeIn(namespace);
  await store.open!('orders');
  await store.add([
    letter({ id: '1', at: 20, type: 'order.placed' }),
    letter({ id: '2', at: 10, type: 'order.paid' }),
    letter({ id: '3', at: 30, type: 'order.placed' }),
  ]);
  const client = await connect({ servers: server.url });
  const jsm = await jetstreamManager(client);
  for (const id of ['1', '2']) {
    const subject = `${namespace}.dead.orders.${id}:h`;
    const message = (await jsm.streams.getMessage(`${namespace}~state`, { last_by_subj: subject }))!;
    expect(message.header.keys()).toContain('Events-Facts');
    const head = headers();
    head.set('Events-Status', 'dead');
    await client.request(subject, message.data, { headers: head, timeout: 5000 });
  }
  await client.close();
  const found = async (query?: DeadLetterQuery) =>
    (await store.list(query)).entries.map(({ event }) => event.id);
  expect(await found()).toEqual(['2', '1', '3']);
  expect(await found({ type: 'order.placed' })).toEqual(['1', '3']);
  expect(await found({ until: new Date(15) })).toEqual(['2']);
  const { cursor } = await store.list({ limit: 1 });
  expect(await found({ cursor })).toEqual(['1', '3']);
  expect(await store.size()).toBe(3);
  expect(await store.purge({ type: 'order.placed' })).toBe(2);
  expect(await found()).toEqual(['2']);
  await store.close!();
});

it('lists what stays while others are taken out, as the purge of a subject would not let it', async () => {
  const store = storeIn('busy');
  await store.open!('orders');
  const samples = (from: number) =>
    Array.from({ length: 500 }, (_, i) => letter({ id: `${from + i}`, at: from + i }));
  await store.add(samples(0).slice(0, 100));
  const staying = samples(1000);
  await store.add(staying);
  let taken = 0;
  const taking = (async () => {
    for (; taken < 100; taken++) await store.take(`${taken}:h`);
  })();
  let looks = 0;
  while (taken < 100) {
    const { entries } = await store.list({ since: new Date(1000), limit: 1000 });
    expect(entries).toHaveLength(staying.length);
    looks++;
  }
  await taking;
  expect(looks).toBeGreaterThan(1);
  expect(await store.size()).toBe(staying.length);
  await store.close!();
});

it('hands over what was taken out when the mark that stays cannot be deleted', async () => {
  const denied = '$JS.API.STREAM.MSG.DELETE.>';
  const limited = await startNats({
    config: `authorization { users: [{ user: ada, password: pass, permissions: { publish: { deny: "${denied}" } } }] }`,
  });
  const backend = new NatsJetStreamBackend({
    connection: `nats://ada:pass@127.0.0.1:${limited.port}`,
    group: 'orders',
    publishTimeoutMs: 500,
  });
  try {
    const store = backend.deadLetters;
    await store.add([letter({ id: '1' }), letter({ id: '2' })]);
    expect(await store.take('1:h')).toMatchObject({ id: '1:h', status: 'dead' });
    expect(await store.take('1:h')).toBeUndefined();
    expect(await store.get('1:h')).toBeUndefined();
    expect(await store.size()).toBe(1);
    await store.add([letter({ id: '1' })]);
    expect(await store.size()).toBe(2);
  } finally {
    await backend.close();
    await limited.stop();
  }
});
