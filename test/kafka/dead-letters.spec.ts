import { describe, expect, it } from '@jest/globals';
import { type KafkaOptions, PlatformaticClient, type Position } from 'nestjs-durable-events/kafka';
import type { EventBus } from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { useKafka } from './use-kafka.js';

/** A client that hears late what a broker has done, and to which it says little. */
class LateAnswers extends PlatformaticClient {
  /** What others do before the answer comes. */
  meanwhile: () => Promise<unknown> = async () => undefined;
  /** What comes of the next reading. */
  spoil: ((position: Position) => Promise<Fetched>) | undefined;

  override async produce(...args: Parameters<PlatformaticClient['produce']>) {
    const stored = await super.produce(...args);
    await this.meanwhile();
    return stored;
  }

  override read(position: Position): Promise<Fetched> {
    const { spoil } = this;
    this.spoil = undefined;
    return spoil?.(position) ?? super.read(position);
  }
}

type Fetched = Awaited<ReturnType<PlatformaticClient['read']>>;

describe('dead letters of Kafka', () => {
  const stage = useKafka();

  /** A bus with dead letters of so many events. */
  async function withLetters(count: number, options?: Partial<KafkaOptions>): Promise<EventBus> {
    const bus = stage.bus(options);
    bus.on(
      'order.placed',
      () => {
        throw new Error('no stock');
      },
      { id: 'stock', retry: false },
    );
    await bus.start();
    for (let i = 1; i <= count; i++) await bus.emitAsync('order.placed', i);
    await waitFor(async () => (await bus.deadLetters.size()) === count);
    return bus;
  }

  it('belong to whoever took them, who may hear of it after all others', async () => {
    const client = new LateAnswers(stage.server.url);
    try {
      const bus = await withLetters(2, { connection: client });
      client.meanwhile = () => bus.deadLetters.size();

      const [entry] = (await bus.deadLetters.list()).entries;
      expect(await bus.deadLetters.discard(entry!.id)).toEqual({ count: 1, ids: [entry!.id] });
      const [one, two] = await Promise.all([bus.deadLetters.drain(), bus.deadLetters.drain()]);
      expect([...one, ...two]).toHaveLength(1);
      await bus.close();
    } finally {
      await client.close();
    }
  });

  it.each<[string, (position: Position) => Promise<Fetched>]>([
    ['fails', () => Promise.reject(new Error('no leader'))],
    [
      'brings nothing',
      async (position) => ({ ...position, from: position.offset, records: [], next: position.offset }),
    ],
  ])('belong to whoever took them, when the reading of what came of it %s once', async (_, spoil) => {
    const client = new LateAnswers(stage.server.url);
    try {
      const bus = await withLetters(1, { connection: client });
      client.meanwhile = async () => void (client.spoil = spoil);
      expect(await bus.deadLetters.drain()).toMatchObject([{ event: { data: 1 } }]);
      expect(client.spoil).toBeUndefined();
      expect(await bus.deadLetters.size()).toBe(0);
      await bus.close();
    } finally {
      await client.close();
    }
  });

  it('hold an event that is as large as may be, whatever has to be escaped in it, and its edited form', async () => {
    const bus = stage.bus();
    let fails = true;
    const seen: unknown[] = [];
    const handle = ({ data }: { readonly data: unknown }) => {
      if (fails) throw new Error('no stock');
      seen.push(data);
    };
    bus.on('order.placed', handle, { id: 'stock', retry: false });
    await bus.start();
    const data = Array.from({ length: 190_000 }, () => 'a');
    await bus.emitAsync('order.placed', data);
    await waitFor(async () => (await bus.deadLetters.size()) === 1);
    const [entry] = (await bus.deadLetters.list()).entries;
    expect(entry!.event.data).toEqual(data);
    fails = false;
    const edited = data.map(() => 'b');
    expect(await bus.deadLetters.editAndRetry(entry!.id, edited)).toMatchObject({ count: 1 });
    await waitFor(() => seen.length === 1);
    expect(seen).toEqual([edited]);
  });

  it('are found among records that others have put into their topic, which are reported', async () => {
    const bus = await withLetters(1);
    const topic = `${stage.namespace}.orders.dead`;
    const producer = stage.client.producer();
    await producer.connect();
    const foreign = ['no JSON', 'null', '{}', '{"do":"add"}', '{"do":"other","id":"x"}', null];
    await producer.send({ topic, messages: foreign.map((value) => ({ value })) });
    await producer.disconnect();
    await bus.emitAsync('order.placed', 2);
    await waitFor(async () => (await bus.deadLetters.size()) === 2);
    const reported = stage.notices.filter(({ error }) => error.message.includes('is passed over'));
    expect(reported.map(({ action }) => action)).toEqual(Array(5).fill('reported'));
    expect(reported[0]!.error.message).toContain(`Record 1 of the topic '${topic}' is no dead letter`);
    expect(await bus.deadLetters.drain()).toHaveLength(2);
  });
});
