import { afterEach, describe, expect, it } from '@jest/globals';
import { type Fetched, type FetchTarget, PlatformaticClient } from 'nestjs-durable-events/kafka';
import { waitFor } from '../support/wait-for.js';
import { useKafka } from './use-kafka.js';

describe('reading from Kafka', () => {
  const stage = useKafka();
  const clients: PlatformaticClient[] = [];
  afterEach(() => Promise.all(clients.splice(0).map((client) => client.close())));

  it('reads a large record also of a partition beside one that never runs dry', async () => {
    const topic = stage.namespace;
    await stage.makeTopic({ topic, numPartitions: 2, replicationFactor: 1 });
    const client = new PlatformaticClient(stage.server.url);
    clients.push(client);
    const large = 'x'.repeat(700_000);
    const outcomes = await client.produce(
      [
        { topic, partition: 0, value: 'small' },
        { topic, partition: 1, value: large },
      ],
      5000,
    );
    expect(outcomes.filter((outcome) => outcome instanceof Error)).toEqual([]);
    const received: Fetched[] = [];
    const target: FetchTarget = {
      // Always from the first record on: there is always something to read of both.
      wanted: () => [0, 1].map((partition) => ({ topic, partition, offset: 0n })),
      patience: () => Infinity,
      received: (fetched) => void received.push(fetched),
      answered: () => undefined,
      misplaced: () => undefined,
      failed: () => undefined,
    };
    const fetcher = client.fetch(target);
    fetcher.wake();
    const found = await waitFor(() => received.find(({ partition }) => partition === 1), {
      message: 'the large record',
    });
    await fetcher.stop();
    expect(found.records.map(({ value }) => value?.toString())).toEqual([large]);
    expect(received.some(({ partition }) => partition === 0)).toBe(true);
  });
});
