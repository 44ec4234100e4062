import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Payload } from '../payload.js';
import type { Link, Transport } from '../transport.js';
import { settingsOf } from './settings.js';

/** As many as one request takes. */
const COUNT = 10;
const READERS = 10;

async function queueOf(client: SQSClient, { namespace }: Link): Promise<string> {
  const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: namespace }));
  return QueueUrl!;
}

/** The client of SQS: a request for each message, and ten loops that receive ten and delete them in one request. */
export const rawSqs: Transport = {
  prepare: async (link) => {
    const client = new SQSClient(settingsOf(link.url));
    await client.send(new CreateQueueCommand({ QueueName: link.namespace }));
    client.destroy();
  },
  produce: async (link) => {
    const client = new SQSClient(settingsOf(link.url));
    const QueueUrl = await queueOf(client, link);
    return {
      send: (payload) =>
        client.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(payload) })),
      close: async () => client.destroy(),
    };
  },
  consume: async (link, handle) => {
    const client = new SQSClient(settingsOf(link.url));
    const QueueUrl = await queueOf(client, link);
    let closing = false;
    const loop = async (): Promise<void> => {
      while (!closing) {
        const request = new ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: COUNT,
          WaitTimeSeconds: 1,
        });
        const { Messages = [] } = await client.send(request);
        for (const { Body } of Messages) void handle(JSON.parse(Body!) as Payload);
        if (Messages.length === 0) continue;
        const Entries = Messages.map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle }));
        await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
      }
    };
    const ended = Promise.all(Array.from({ length: READERS }, loop));
    return {
      close: async () => {
        closing = true;
        await ended;
        client.destroy();
      },
    };
  },
};
