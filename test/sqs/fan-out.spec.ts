import { ListSubscriptionsCommand, SetSubscriptionAttributesCommand } from '@aws-sdk/client-sns';
import { describe, expect, it } from '@jest/globals';
import { createEvent } from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { useSqs } from './use-sqs.js';

describe('SqsBackend with SNS', () => {
  const stage = useSqs();

  async function service(group: string, seen: unknown[], act?: () => void) {
    const bus = stage.bus({ sns: true, group });
    bus.on(
      'news',
      ({ data }) => {
        seen.push(data);
        act?.();
      },
      { id: 'h' },
    );
    await bus.start();
    return bus;
  }

  it('brings every event to every service, and a retry to the one that failed', async () => {
    const billing: unknown[] = [];
    const shipping: unknown[] = [];
    await service('billing', billing);
    let failures = 1;
    await service('shipping', shipping, () => {
      if (failures-- > 0) throw new Error('not yet');
    });
    const publisher = stage.backend({ sns: true, group: 'web' });
    const results = await publisher.publishBatch(
      Array.from({ length: 25 }, (_, i) => ({ event: createEvent('news', i) })),
    );
    expect(results.filter((result) => result instanceof Error)).toEqual([]);
    await waitFor(() => billing.length >= 25 && shipping.length >= 26, { message: 'all events' });
    expect(billing.sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 25 }, (_, i) => i));
    expect(new Set(shipping).size).toBe(25);
  });

  it('delivers a delayed event when it is due', async () => {
    const seen: unknown[] = [];
    const bus = await service('billing', seen);
    const startedAt = performance.now();
    await bus.emitAsync('news', 1, { delayMs: 1700 });
    await waitFor(() => seen.length > 0, { message: 'the event' });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1695);
  });

  it('makes a queue that only the topic may send to, and a subscription that leaves messages as they are', async () => {
    await service('billing', []);
    const { Policy } = await stage.attributesOf(`${stage.namespace}__billing`);
    const [statement] = (JSON.parse(Policy!) as { Statement: Record<string, unknown>[] }).Statement;
    expect(statement).toMatchObject({
      Effect: 'Allow',
      Principal: { Service: 'sns.amazonaws.com' },
      Action: 'sqs:SendMessage',
    });
    const { Subscriptions = [] } = await stage.sns.send(new ListSubscriptionsCommand({}));
    const ours = Subscriptions.filter(({ TopicArn }) => TopicArn?.endsWith(`:${stage.namespace}`));
    expect(ours).toHaveLength(1);
  });

  it('refuses a subscription that wraps messages', async () => {
    const bus = await service('billing', []);
    await bus.close();
    const { Subscriptions = [] } = await stage.sns.send(new ListSubscriptionsCommand({}));
    const { SubscriptionArn } = Subscriptions.find(({ TopicArn }) =>
      TopicArn?.endsWith(`:${stage.namespace}`),
    )!;
    await stage.sns.send(
      new SetSubscriptionAttributesCommand({
        SubscriptionArn,
        AttributeName: 'RawMessageDelivery',
        AttributeValue: 'false',
      }),
    );
    await expect(service('billing', [])).rejects.toThrow('RawMessageDelivery');
  });
});

describe('SqsBackend without SNS', () => {
  const stage = useSqs();

  it('sends an event to the queue of every group that it is told of', async () => {
    await stage.backend({ groups: ['billing', 'shipping'] }).publish(createEvent('news', 1));
    expect(await stage.look(`${stage.namespace}__billing`)).toBeDefined();
    expect(await stage.look(`${stage.namespace}__shipping`)).toBeDefined();
    await expect(stage.urlOf(`${stage.namespace}__orders`)).rejects.toThrow('does not exist');
  });
});
