import { afterEach, describe, expect, it } from '@jest/globals';
import { PlatformaticClient } from 'nestjs-durable-events/kafka';
import { waitFor } from '../support/wait-for.js';
import { useKafka } from './use-kafka.js';

describe('publishing to Kafka', () => {
  const stage = useKafka();
  const clients: PlatformaticClient[] = [];
  afterEach(() => Promise.all(clients.splice(0).map((client) => client.close())));

  /** That client finds out by an error that a partition has got its leader. */
  const end = async (topic: string) => {
    const offsets = await waitFor(() => stage.admin.fetchTopicOffsets(topic).catch(() => undefined));
    return offsets.reduce((sum, { high }) => sum + Number(high), 0);
  };

  async function clientThroughProxy(): Promise<PlatformaticClient> {
    const client = new PlatformaticClient(stage.throughProxy, { requestTimeoutMs: 1000 });
    clients.push(client);
    await client.createTopics([{ name: stage.namespace, partitions: 2, replicas: 1, configs: {} }]);
    return client;
  }

  const records = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ topic: stage.namespace, partition: i % 2, value: String(i) }));

  it('stores each of many records that are under way at once', async () => {
    const client = await clientThroughProxy();
    const outcomes = await Promise.all(records(500).map((record) => client.produce([record], 5000)));
    expect(outcomes.flat().filter((outcome) => outcome instanceof Error)).toEqual([]);
    expect(await end(stage.namespace)).toBe(500);
  });

  it('stores a record once whose confirmation was lost with its connection', async () => {
    const client = await clientThroughProxy();
    await client.produce(records(2), 5000);
    // What arrives at the broker is stored; the answers stay on the way, and then their connection is gone.
    for (const round of [1, 2, 3]) {
      const produced = Promise.all(records(20).map((record) => client.produce([record], 10_000)));
      await waitFor(async () => (await end(stage.namespace)) > 2 + 20 * (round - 1));
      stage.proxy.cut();
      expect((await produced).flat().filter((outcome) => outcome instanceof Error)).toEqual([]);
    }
    expect(await end(stage.namespace)).toBe(2 + 3 * 20);
  });

  it('tells of a connection that is dead without an end, and works on over a new one', async () => {
    const client = await clientThroughProxy();
    await client.produce(records(2), 5000);
    stage.proxy.strand();
    const outcomes = await client.produce(records(2), 5000);
    expect(outcomes.filter((outcome) => outcome instanceof Error)).toEqual([]);
    expect(await end(stage.namespace)).toBe(4);
  });

  it('refuses a record that is larger than its topic takes, and no other', async () => {
    const client = await clientThroughProxy();
    const [large, small] = await client.produce(
      [
        { topic: stage.namespace, partition: 0, value: 'x'.repeat(1_200_000) },
        { topic: stage.namespace, partition: 1, value: 'x' },
      ],
      5000,
    );
    expect(large).toBeInstanceOf(Error);
    expect(small).toEqual({ offset: 0n });
    // What comes after a refused one is numbered as if it had not been.
    const [next] = await client.produce([{ topic: stage.namespace, partition: 0, value: 'y' }], 5000);
    expect(next).toEqual({ offset: 0n });
  });

  it('spreads events without a key over all partitions', async () => {
    const bus = stage.bus({ partitions: 4 });
    for (let i = 0; i < 8; i++) await bus.emitAsync('order.placed', i);
    const offsets = await stage.admin.fetchTopicOffsets(stage.namespace);
    expect(offsets.map(({ high }) => high)).toEqual(['2', '2', '2', '2']);
  });
});
