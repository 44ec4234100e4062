import { describe, expect, it } from '@jest/globals';
import { ConfigResourceTypes } from 'kafkajs';
import { waitFor } from '../support/wait-for.js';
import { useKafka } from './use-kafka.js';

describe('topics of Kafka', () => {
  const stage = useKafka();

  const configOf = async (topic: string, name: string) => {
    const { resources } = await stage.admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: [name] }],
    });
    return resources[0]!.configEntries[0]!.configValue;
  };

  it('are made when they are missing, those of the group when it consumes', async () => {
    const { namespace } = stage;
    const mine = async () =>
      (await stage.admin.listTopics()).filter((topic) => topic.startsWith(namespace)).sort();
    await stage.bus({ group: 'billing' }).emitAsync('order.placed', 1);
    expect(await mine()).toEqual([namespace, `${namespace}.delayed`]);
    const bus = stage.bus({ group: 'billing/eu.1' });
    bus.on('order.placed', () => undefined);
    await bus.start();
    const group = `${namespace}.billing_2feu_2e1`;
    expect(await mine()).toEqual([
      namespace,
      `${group}.dead`,
      `${group}.retry`,
      `${group}.state`,
      `${namespace}.delayed`,
    ]);
    expect(await configOf(`${group}.retry`, 'retention.ms')).toBe('-1');
    expect(await configOf(`${group}.state`, 'cleanup.policy')).toBe('compact');
  });

  it('of their own take the events whose patterns fit, and all of them reach their handlers', async () => {
    const orders = `${stage.namespace}-orders`;
    const bus = stage.bus({ topics: { [orders]: ['order.*', 'refund'] } });
    const seen: string[] = [];
    for (const type of ['order.placed', 'refund', 'user.joined'])
      bus.on(type, (event) => void seen.push(event.type));
    await bus.start();
    for (const type of ['order.placed', 'refund', 'user.joined']) await bus.emitAsync(type, 1);
    await waitFor(() => seen.length === 3);
    const counts = async (topic: string) =>
      (await stage.admin.fetchTopicOffsets(topic)).reduce((sum, { high }) => sum + Number(high), 0);
    expect([await counts(orders), await counts(stage.namespace)]).toEqual([2, 1]);
  });

  it('that would lose what is kept in them fail the start, and are left as they are', async () => {
    const topic = `${stage.namespace}.orders.retry`;
    const configEntries = [{ name: 'retention.ms', value: '1000' }];
    await stage.makeTopic({ topic, numPartitions: 7, configEntries });
    const bus = stage.bus();
    bus.on('order.placed', () => undefined);
    await expect(bus.start()).rejects.toThrow(
      `Topic '${topic}' has retention.ms=1000, so that KafkaBackend would lose what it keeps there. Set it to -1`,
    );
    expect(await configOf(topic, 'retention.ms')).toBe('1000');
  });

  it('with too few partitions fail the start', async () => {
    const topic = `${stage.namespace}.delayed`;
    await stage.makeTopic({ topic, numPartitions: 1 });
    await expect(stage.bus().start()).rejects.toThrow(
      `Topic '${topic}' has 1 partitions, and KafkaBackend needs 7.`,
    );
  });

  it('are read by a group whose members hand partitions over one by one', async () => {
    const bus = stage.bus();
    const seen: unknown[] = [];
    bus.on('order.placed', ({ data }) => void seen.push(data));
    await bus.start();
    await bus.emitAsync('order.placed', 1);
    await waitFor(() => seen.length === 1);
    const { groups } = await stage.admin.describeGroups([`${stage.namespace}.orders`]);
    expect(groups[0]).toMatchObject({ state: 'Stable', protocol: 'events-cooperative' });
  });
});
