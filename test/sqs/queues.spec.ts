import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { describe, expect, it } from '@jest/globals';
import { createEvent, EventConfigurationError } from 'nestjs-durable-events';
import { SqsBackend, type SqsOptions } from 'nestjs-durable-events/sqs';
import { freePort } from '../support/free-port.js';
import { credentials, useSqs } from './use-sqs.js';

describe('The queue of SqsBackend', () => {
  const stage = useSqs();
  const queue = () => `${stage.namespace}__orders`;
  const make = (Attributes: Record<string, string>) =>
    stage.sqs.send(new CreateQueueCommand({ QueueName: queue(), Attributes }));
  const start = async (options: Partial<SqsOptions> = {}) => {
    const bus = stage.bus(options);
    bus.on('x', () => undefined, { id: 'h' });
    await bus.start();
  };

  it('is made where it is missing, and keeps messages as long as SQS can', async () => {
    await start({ queueAttributes: { DelaySeconds: '1' } });
    expect(await stage.attributesOf(queue())).toMatchObject({
      MessageRetentionPeriod: '1209600',
      DelaySeconds: '1',
    });
  });

  it('is left as it is where it is there', async () => {
    await make({ VisibilityTimeout: '7', MessageRetentionPeriod: '60' });
    await start();
    expect(await stage.attributesOf(queue())).toMatchObject({
      VisibilityTimeout: '7',
      MessageRetentionPeriod: '60',
    });
  });

  it('is not made when that is not wanted', async () => {
    await expect(start({ createMissing: false })).rejects.toThrow(
      `There is no queue '${queue()}', and option 'createMissing' of SqsBackend is false.`,
    );
  });

  it('is refused when it takes smaller messages than the events may be', async () => {
    await make({ MaximumMessageSize: '1024' });
    await expect(start()).rejects.toThrow(
      `Queue '${queue()}' takes messages of 1024 bytes (MaximumMessageSize), and option 'maxEventBytes' of SqsBackend is 196608, which needs 262144.`,
    );
  });

  it('is refused when SQS takes messages away before they can become dead letters', async () => {
    const { QueueUrl } = await stage.sqs.send(new CreateQueueCommand({ QueueName: `${queue()}-dead` }));
    const { QueueArn } = await stage.attributesOf(QueueUrl!.split('/').at(-1)!);
    await make({ RedrivePolicy: JSON.stringify({ deadLetterTargetArn: QueueArn, maxReceiveCount: 10 }) });
    await expect(start()).rejects.toThrow(
      `The RedrivePolicy of queue '${queue()}' takes messages away after 10 receives`,
    );
    await start({ maxDeliveries: 9 });
  });

  it('is found with an existing client, which stays open', async () => {
    const client = new SQSClient({ endpoint: stage.server.url, region: 'us-east-1', credentials });
    const backend = stage.backend({ connection: client });
    await backend.publish(createEvent('x', 1));
    await backend.close();
    await stage.backend({ connection: client }).publish(createEvent('x', 2));
    expect(await stage.attributesOf(queue())).toMatchObject({ ApproximateNumberOfMessages: '2' });
    client.destroy();
  });

  it('is told of in health and in figures', async () => {
    await start();
    const bus = stage.bus();
    expect(await bus.health()).toMatchObject({ status: 'up' });
    expect(await stage.backend().stats()).toEqual({ queued: 0, pending: 0, scheduled: 0, unconfirmed: 0 });
  });

  it('says where dead letters are kept when nobody keeps them', async () => {
    await start();
    expect(stage.notices.map(({ error }) => error.message)).toEqual([
      expect.stringContaining('SqsBackend has no place for dead letters that can be listed'),
    ]);
  });
});

describe('SqsBackend', () => {
  it.each<[SqsOptions, string]>([
    [{ connection: 'queue' }, `Option 'connection' of SqsBackend is a text, but not a URL`],
    [
      { connection: 'redis://user:secret@localhost' },
      `Option 'connection' of SqsBackend is a text, but not a URL`,
    ],
    [{ namespace: '' }, `Option 'namespace' of SqsBackend is ''. Set it to a text that is not empty.`],
    [{ group: '' }, `Option 'group' of SqsBackend is ''.`],
    [{ groups: [] }, `Option 'groups' of SqsBackend is []. Set it to the names of one service or more.`],
    [
      { sns: true, groups: ['a'] },
      `Option 'groups' of SqsBackend is ["a"]. Set it to nothing when 'sns' is set`,
    ],
    [{ sns: true, createMissing: false }, `Option 'createMissing' of SqsBackend is false.`],
    [{ leaseMs: 999 }, `Option 'leaseMs' of SqsBackend is 999. Set it to 1000 to 43200000 milliseconds.`],
    [{ leaseMs: 43_200_001 }, `Option 'leaseMs' of SqsBackend is 43200001.`],
    [{ concurrency: 0 }, `Option 'concurrency' of SqsBackend is 0. Set it to a whole number of at least 1.`],
    [
      { maxEventBytes: 983_041 },
      `Option 'maxEventBytes' of SqsBackend is 983041. Set it to 983040 bytes at most.`,
    ],
    [{ sns: true, maxEventBytes: 196_609 }, `Set it to 196608 bytes at most.`],
    [{ waitTimeSeconds: 21 }, `Option 'waitTimeSeconds' of SqsBackend is 21. Set it to 20 seconds at most.`],
  ])('refuses %j', async (options, message) => {
    const attempt = async () => {
      const backend = new SqsBackend({ group: 'orders', ...options });
      try {
        await backend.publish(createEvent('x', 1));
      } finally {
        await backend.close();
      }
    };
    const error = await attempt().catch((failure: unknown) => failure as Error);
    expect(error).toBeInstanceOf(EventConfigurationError);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain('secret');
  });

  it('gives up after connectTimeoutMs, and shows no credentials', async () => {
    const connection = `http://key:secret@127.0.0.1:${await freePort()}`;
    const backend = new SqsBackend({ connection, group: 'orders', connectTimeoutMs: 300 });
    const error = await backend.publish(createEvent('x', 1)).then(
      () => undefined,
      (failure: unknown) => failure as Error,
    );
    await backend.close();
    expect(error?.message).toContain('SqsBackend could not reach SQS within 300 ms');
    expect(error?.message).not.toContain('secret');
  });
});
