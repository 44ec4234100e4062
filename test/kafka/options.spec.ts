import { describe, expect, it } from '@jest/globals';
import { createEventBus } from 'nestjs-durable-events';
import { KafkaBackend, type KafkaOptions } from 'nestjs-durable-events/kafka';
import { freePort } from '../support/free-port.js';

const make = (options: Partial<KafkaOptions>) => new KafkaBackend({ connection: 'localhost', ...options });

describe('options of KafkaBackend', () => {
  it.each<[string, Partial<KafkaOptions>]>([
    [`needs a 'connection'`, { connection: '' }],
    [`names no brokers`, { connection: { brokers: [] } }],
    [`names no brokers`, { connection: 'http://user:secret@host:9092/path' }],
    [`Option 'namespace' of KafkaBackend is ''`, { namespace: '' }],
    [`Option 'group' of KafkaBackend is ''`, { group: '' }],
    [`Option 'partitions' of KafkaBackend is 0. Set it to a whole number`, { partitions: 0 }],
    [`Option 'replicas' of KafkaBackend is 0`, { replicas: 0 }],
    [`Option 'concurrency' of KafkaBackend is 1.5`, { concurrency: 1.5 }],
    [`Option 'leaseMs' of KafkaBackend is 0`, { leaseMs: 0 }],
    [
      `Option 'startFrom' of KafkaBackend is 'end'. Set it to 'first' or 'next'`,
      { startFrom: 'end' as 'first' },
    ],
    [`a topic named 'no spaces', which Kafka refuses`, { topics: { 'no spaces': 'order.*' } }],
    [`which Kafka refuses: a name has 1 to 249`, { namespace: 'x'.repeat(250) }],
    [`which Kafka refuses: a name has 1 to 249`, { group: 'x'.repeat(250) }],
  ])('are refused: %s', (message, options) => {
    expect(() => make(options)).toThrow(message);
    expect(() => make(options)).toThrow(expect.objectContaining({ code: 'EVENT_CONFIGURATION' }));
    expect(() => make(options)).not.toThrow('secret');
  });

  it.each([
    'localhost',
    'localhost:9092',
    'a:9092,b:9093',
    'kafka://localhost:9092',
    'kafkas://us%40er:p%3Ass@host:9093',
    '[::1]:9092',
  ])('take %s for a connection', (connection) => {
    expect(() => make({ connection })).not.toThrow();
  });

  it('keep the password out of the error when no broker answers in time', async () => {
    const connection = `kafka://somebody:secret@127.0.0.1:${await freePort()}`;
    const notices: string[] = [];
    const backend = make({ connection, connectTimeoutMs: 300 });
    const bus = createEventBus({
      backend,
      source: 'orders',
      onError: ({ error }) => notices.push(error.message),
    });
    bus.on('x', () => undefined);
    const error = await bus.start().then(
      () => undefined,
      (cause: Error) => cause,
    );
    expect(error!.message).toMatch(/could not get ready with Kafka at 127\.0\.0\.1:\d+ within 300 ms/);
    await expect(bus.emitAsync('x', 1)).rejects.toThrow('did not store the event');
    await bus.close();
    expect(`${error!.stack} ${notices.join()}`).not.toContain('secret');
  });
});
