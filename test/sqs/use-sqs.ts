import { randomUUID } from 'node:crypto';
import { SNSClient } from '@aws-sdk/client-sns';
import {
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { Logger } from '@nestjs/common';
import {
  createEventBus,
  type EventBus,
  type EventErrorNotice,
  type EventsModuleOptions,
} from 'nestjs-durable-events';
import { SqsBackend, type SqsOptions } from 'nestjs-durable-events/sqs';
import { type FauxqsServer, startFauxqs } from '../support/services/fauxqs.js';

/** A server that stands in for AWS takes any. */
export const credentials = { accessKeyId: 'tests', secretAccessKey: 'tests' };

/** What the tests of a block work with. */
export interface Stage {
  /** The same for all of them. */
  readonly server: FauxqsServer;
  /** Clients of the test's own: they read and write as any other program does. */
  readonly sqs: SQSClient;
  readonly sns: SNSClient;
  /** New for each. */
  readonly namespace: string;
  readonly notices: EventErrorNotice[];
  /** A backend that belongs to no bus, closed after the test. */
  backend(options?: Partial<SqsOptions>): SqsBackend;
  /** A bus that is closed after the test. */
  bus(options?: Partial<SqsOptions>, module?: Partial<EventsModuleOptions>): EventBus;
  urlOf(queue: string): Promise<string>;
  attributesOf(queue: string): Promise<Partial<Record<string, string>>>;
  send(queue: string, body: string, attributes?: Readonly<Record<string, string>>): Promise<void>;
  /** One message, which stays in the queue. */
  look(queue: string): Promise<Message | undefined>;
}

/** Sets up a server for the tests of a block, and clears away what each leaves. */
export function useSqs(): Stage {
  Logger.overrideLogger(false); // the failures of handlers are meant
  const open: { close(): Promise<unknown> }[] = [];
  const stage = {
    notices: [] as EventErrorNotice[],
    backend(options: Partial<SqsOptions> = {}): SqsBackend {
      const backend = new SqsBackend({
        connection: { endpoint: stage.server.url, region: 'us-east-1', credentials },
        namespace: stage.namespace,
        group: 'orders',
        waitTimeSeconds: 1,
        ...options,
      });
      open.push(backend);
      return backend;
    },
    bus(options: Partial<SqsOptions> = {}, module: Partial<EventsModuleOptions> = {}): EventBus {
      const bus = createEventBus({
        backend: stage.backend(options),
        source: 'orders',
        drainTimeoutMs: 1000,
        retry: { maxRetries: 2, initialBackoffMs: 10, backoffMultiplier: 1 },
        onError: (notice) => stage.notices.push(notice),
        ...module,
      });
      open.unshift(bus);
      return bus;
    },
    async urlOf(queue: string): Promise<string> {
      const { QueueUrl } = await stage.sqs.send(new GetQueueUrlCommand({ QueueName: queue }));
      return QueueUrl!;
    },
    async attributesOf(queue: string) {
      const command = new GetQueueAttributesCommand({
        QueueUrl: await stage.urlOf(queue),
        AttributeNames: ['All'],
      });
      return (await stage.sqs.send(command)).Attributes ?? {};
    },
    async send(
      queue: string,
      body: string,
      attributes: Readonly<Record<string, string>> = {},
    ): Promise<void> {
      const named = Object.entries(attributes).map(
        ([name, StringValue]) => [name, { DataType: 'String', StringValue }] as const,
      );
      await stage.sqs.send(
        new SendMessageCommand({
          QueueUrl: await stage.urlOf(queue),
          MessageBody: body,
          MessageAttributes: Object.fromEntries(named),
        }),
      );
    },
    async look(queue: string): Promise<Message | undefined> {
      const command = new ReceiveMessageCommand({
        QueueUrl: await stage.urlOf(queue),
        VisibilityTimeout: 0,
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['All'],
      });
      return (await stage.sqs.send(command)).Messages?.[0];
    },
  } as { -readonly [K in keyof Stage]: Stage[K] };
  beforeAll(async () => {
    stage.server = await startFauxqs();
    const config = { endpoint: stage.server.url, region: 'us-east-1', credentials };
    stage.sqs = new SQSClient(config);
    stage.sns = new SNSClient(config);
  });
  beforeEach(() => {
    stage.namespace = `test-${randomUUID().slice(0, 8)}`;
    stage.notices.length = 0;
  });
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
  });
  afterAll(async () => {
    stage.sqs.destroy();
    stage.sns.destroy();
    await stage.server.stop();
  });
  return stage;
}
