import { afterEach, describe, expect, it } from '@jest/globals';
import type { Fetcher, FetchTarget, TopicPartition } from '../../lib/clients/kafka/client.js';
import type { Cluster, TopicInfo } from '../../lib/clients/kafka/platformatic/cluster.js';
import { BrokerFetcher } from '../../lib/clients/kafka/platformatic/fetcher.js';
import { waitFor } from '../support/wait-for.js';

const OK = 0;
const NO_SUCH_TOPIC = 3;
const MAY_NOT_READ = 29;
const UNKNOWN_ID = 100;

/** What a broker says: who leads the topic, and what comes of a request for its records. */
interface Broker {
  id: string;
  trouble: string | undefined;
  errorCode: number;
}

describe('The fetcher of Kafka', () => {
  let fetcher: Fetcher | undefined;
  afterEach(() => fetcher?.stop());

  function start(broker: Broker) {
    let known: TopicInfo | undefined;
    const looks = { fetches: 0, metadata: 0 };
    // Errors that no broker gives on demand.
    const cluster = {
      topic: () => known,
      trouble: () => broker.trouble,
      forget: () => void (known = undefined),
      know: async () => {
        if (known !== undefined) return;
        looks.metadata++;
        if (broker.trouble === undefined) known = { id: broker.id, leaders: [1] };
      },
      ask: async () => {
        looks.fetches++;
        await new Promise((resolve) => void setImmediate(resolve));
        const { errorCode } = broker;
        const partition = { partitionIndex: 0, errorCode, abortedTransactions: [], records: [] };
        return { errorCode: OK, responses: [{ topicId: known!.id, partitions: [partition] }] };
      },
      drop: async () => undefined,
    };
    const misplaced: TopicPartition[] = [];
    const failures: string[] = [];
    const target: FetchTarget = {
      wanted: () => [{ topic: 'orders', partition: 0, offset: 5n }],
      patience: () => 10,
      received: () => undefined,
      answered: () => undefined,
      misplaced: (where) => void misplaced.push(where),
      failed: ({ message }) => void failures.push(message),
    };
    fetcher = new BrokerFetcher(cluster as unknown as Cluster, target);
    fetcher.wake();
    return { looks, misplaced, failures };
  }

  it.each([
    ['does not know the topic yet', NO_SUCH_TOPIC, []],
    ['does not know its id yet', UNKNOWN_ID, []],
    [
      'does not let it be read',
      MAY_NOT_READ,
      ["Kafka does not let topic 'orders' be read: TOPIC_AUTHORIZATION_FAILED"],
    ],
  ])('stays where it is while a broker %s, and tells what is told once', async (_, errorCode, told) => {
    const broker: Broker = { id: 'one', trouble: undefined, errorCode };
    const { looks, misplaced, failures } = start(broker);
    await waitFor(() => looks.fetches > 3 && looks.metadata > 3);
    broker.errorCode = OK;
    const { fetches } = looks;
    await waitFor(() => looks.fetches > fetches + 3);
    expect(misplaced).toEqual([]);
    expect(failures).toEqual(told);
  });

  it('stays where it is while the topic may not even be looked at', async () => {
    const broker: Broker = { id: 'one', trouble: 'TOPIC_AUTHORIZATION_FAILED', errorCode: OK };
    const { looks, misplaced, failures } = start(broker);
    await waitFor(() => looks.metadata > 3);
    broker.trouble = undefined;
    await waitFor(() => looks.fetches > 3);
    expect(misplaced).toEqual([]);
    expect(failures).toHaveLength(1);
  });

  it('starts elsewhere when the topic is gone, or was made anew', async () => {
    const gone = start({ id: 'one', trouble: 'UNKNOWN_TOPIC_OR_PARTITION', errorCode: OK });
    await waitFor(() => gone.misplaced.length > 0);
    await fetcher!.stop();
    const broker: Broker = { id: 'one', trouble: undefined, errorCode: OK };
    const anew = start(broker);
    await waitFor(() => anew.looks.fetches > 3);
    expect(anew.misplaced).toEqual([]);
    broker.id = 'two';
    broker.errorCode = UNKNOWN_ID;
    await waitFor(() => anew.misplaced.length > 0);
    expect(anew.failures).toEqual([]);
  });
});
