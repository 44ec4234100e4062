import { describe, expect, it } from '@jest/globals';
import { Kafka as CloudEventsKafka } from 'cloudevents';
import type { Event } from 'nestjs-durable-events';
import { readBySdk, STORED, storeEvents } from '../wire/events-as-read.js';
import { waitFor } from '../support/wait-for.js';
import { useKafka } from './use-kafka.js';

describe('records of Kafka', () => {
  const stage = useKafka();

  it('are CloudEvents that any client can read, with the key of the event', async () => {
    const { id } = await stage.bus().emitAsync('order.placed', { total: 3, name: 'Zoë' }, { key: 'k' });
    const [record] = await stage.records(stage.namespace, 1);
    expect(record!.key).toBe('k');
    expect(record!.headers).toEqual({ 'content-type': 'application/cloudevents+json; charset=UTF-8' });
    expect(JSON.parse(record!.value)).toEqual({
      specversion: '1.0',
      id,
      source: 'orders',
      type: 'order.placed',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      partitionkey: 'k',
      data: { total: 3, name: 'Zoë' },
    });
  });

  it('are what the SDK of CloudEvents reads, by its binding for Kafka as well', async () => {
    await storeEvents(stage.backend());
    const records = await stage.records(stage.namespace, STORED.length);
    expect(readBySdk(records.map(({ value }) => value))).toEqual(STORED);
    for (const { value, headers, key } of records) {
      const message = { key, value, headers, body: value, timestamp: undefined };
      const event = CloudEventsKafka.toEvent(message);
      expect(event).toMatchObject({ type: (JSON.parse(value) as Event).type });
    }
  });

  it('of other programs are read in binary and in structured mode, and what is neither is a dead letter', async () => {
    const bus = stage.bus();
    const seen: Event[] = [];
    bus.on('order.*', (event: Event) => void seen.push(event));
    await bus.start();
    const producer = stage.client.producer();
    await producer.connect();
    const headers = { ce_specversion: '1.0', ce_id: '1', ce_source: '/shop', ce_type: 'order.placed' };
    await producer.send({
      topic: stage.namespace,
      messages: [
        { key: 'a', value: '{"total":1}', headers: { ...headers, 'content-type': 'application/json' } },
        {
          key: 'a',
          value: '{"id":"2","source":"/shop","type":"order.placed","specversion":"1.0","data":{"total":2}}',
          headers: { 'Content-Type': 'application/cloudevents+json' },
        },
        { key: 'a', value: 'garbage', headers: { from: 'somebody' } },
      ],
    });
    await producer.disconnect();
    await waitFor(() => seen.length === 2);
    expect(seen.map(({ id, source, data }) => [id, source, data])).toEqual([
      ['1', '/shop', { total: 1 }],
      ['2', '/shop', { total: 2 }],
    ]);
    const [letter] = await waitFor(async () => {
      const { entries } = await bus.deadLetters.list();
      return entries.length > 0 ? entries : undefined;
    });
    expect(letter!.raw).toEqual({ body: 'garbage', encoding: 'utf8', headers: { from: 'somebody' } });
  });

  it('of a key are in the partition where clients in other languages put them', async () => {
    const bus = stage.bus({ partitions: 7 });
    const keys = Array.from({ length: 50 }, (_, i) => `customer ${i} ü${'x'.repeat(i % 5)}`);
    await Promise.all(keys.map((key) => bus.emitAsync('order.placed', 'ours', { key })));
    const producer = stage.client.producer();
    await producer.connect();
    await producer.send({ topic: stage.namespace, messages: keys.map((key) => ({ key, value: 'theirs' })) });
    await producer.disconnect();
    const records = await stage.records(stage.namespace, 2 * keys.length);
    for (const key of keys) {
      const partitions = records.filter((record) => record.key === key).map(({ partition }) => partition);
      expect(partitions).toHaveLength(2);
      expect(new Set(partitions).size).toBe(1);
    }
  });

  it('that wait for their time are moved to their topic when it has come, key and all', async () => {
    const bus = stage.bus();
    bus.on('order.placed', () => undefined);
    await bus.start();
    const before = Date.now();
    await bus.emitAsync('order.placed', 1, { key: 'k', delayMs: 400 });
    const [record] = await stage.records(stage.namespace, 1);
    expect(Date.now() - before).toBeGreaterThanOrEqual(399);
    expect(record).toMatchObject({ key: 'k', headers: { 'events-not-before': expect.any(String) } });
  });
});
