import { describe, expect, it } from '@jest/globals';
import { jetstream } from '@nats-io/jetstream';
import { headers, type Msg } from '@nats-io/transport-node';
import type { Event } from 'nestjs-durable-events';
import { NatsBackend, NatsJetStreamBackend } from 'nestjs-durable-events/nats';
import { createEventBus } from 'nestjs-durable-events';
import { subjectOf, tokenOf } from '../../lib/clients/nats/subject.js';
import { waitFor } from '../support/wait-for.js';
import { readBySdk, STORED, storeEvents } from '../wire/events-as-read.js';
import { useNats } from './use-nats.js';

describe('messages of NATS', () => {
  const stage = useNats();

  it('are CloudEvents that any client can read, with the id of the event as Nats-Msg-Id', async () => {
    const bus = stage.bus();
    const seen: Msg[] = [];
    stage.client.subscribe(`${stage.namespace}.event.order.>`, {
      callback: (_, message) => void seen.push(message),
    });
    await stage.client.flush();
    const { id } = await bus.emitAsync('order.placed', { total: 3, name: 'Zoë' }, { key: 'k' });
    await waitFor(() => seen.length === 1);
    const [message] = seen;
    expect(message!.subject).toBe(`${stage.namespace}.event.order.placed`);
    expect(message!.headers!.get('Content-Type')).toBe('application/cloudevents+json');
    expect(message!.headers!.get('Nats-Msg-Id')).toBe(id);
    expect(message!.json()).toEqual({
      specversion: '1.0',
      id,
      source: 'orders',
      type: 'order.placed',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      partitionkey: 'k',
      data: { total: 3, name: 'Zoë' },
    });
  });

  it('are what the plain client and the SDK of CloudEvents read in the stream', async () => {
    const { namespace, server, client, jsm } = stage;
    await storeEvents(new NatsJetStreamBackend({ connection: server.url, namespace }));
    await jsm.consumers.add(namespace, {
      durable_name: 'reader',
      ack_policy: 'none',
      filter_subject: `${namespace}.event.>`,
    });
    const reader = await jetstream(client).consumers.get(namespace, 'reader');
    const texts: string[] = [];
    for await (const message of await reader.fetch({ max_messages: STORED.length, expires: 5000 })) {
      expect(message.headers!.get('Content-Type')).toBe('application/cloudevents+json');
      texts.push(message.string());
    }
    expect(readBySdk(texts)).toEqual(STORED);
  });

  it('of core NATS are what the SDK reads as well', async () => {
    const { namespace, server, client } = stage;
    const texts: string[] = [];
    client.subscribe(`${namespace}.live.>`, { callback: (_, message) => void texts.push(message.string()) });
    await client.flush();
    await storeEvents(new NatsBackend({ connection: server.url, namespace, group: 'g' }));
    await waitFor(() => texts.length === STORED.length);
    expect(readBySdk(texts)).toEqual(STORED);
  });

  it('are read in binary mode, too, as other programs may write them', async () => {
    const events: Event[] = [];
    const bus = stage.bus();
    bus.on('order.placed', (event) => void events.push(event));
    await bus.start();
    const head = headers();
    head.set('ce-specversion', '1.0');
    head.set('ce-id', 'a%20b');
    head.set('ce-type', 'order.placed');
    head.set('ce-source', '/shop');
    head.set('Content-Type', 'application/json');
    stage.client.publish(`${stage.namespace}.event.order.placed`, '{"total":3}', { headers: head });
    await waitFor(() => events.length === 1);
    const { id, source, data } = events[0]!;
    expect({ id, source, data }).toEqual({ id: 'a b', source: '/shop', data: { total: 3 } });
  });

  it('of core NATS are CloudEvents as well', async () => {
    const { namespace, server, client } = stage;
    const bus = createEventBus({
      backend: new NatsBackend({ connection: server.url, namespace, group: 'g' }),
    });
    const seen: Msg[] = [];
    client.subscribe(`${namespace}.live.>`, { callback: (_, message) => void seen.push(message) });
    await client.flush();
    const { id } = await bus.emitAsync('order.placed', { total: 3 });
    await waitFor(() => seen.length === 1);
    expect(seen[0]!.json()).toMatchObject({ id, type: 'order.placed', data: { total: 3 } });
    await bus.close();
  });

  it('have subjects that are legal, and different for different names', () => {
    const names = [
      'a.b',
      'a b',
      'a*',
      'a>',
      'a..b',
      '.a',
      'a.',
      '',
      'a%20b',
      'ä',
      '\ud800',
      'a/b',
      'x'.repeat(300),
    ];
    const subjects = names.map(subjectOf);
    expect(new Set(subjects).size).toBe(names.length);
    for (const subject of subjects) {
      expect(subject).not.toMatch(/[\s*>]|^\.|\.$|\.\.|\ud800/);
      expect(subject.length).toBeLessThan(260);
    }
    expect(subjects[0]).toBe('a.b');
    expect(tokenOf('a.b')).toBe('a%2eb');
  });
});
