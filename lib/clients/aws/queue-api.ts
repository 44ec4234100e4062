import type { Message, MessageAttributeValue, QueueAttributeName, SQSClient } from '@aws-sdk/client-sqs';
import { EntryError, isMissing } from './failures.js';
import type { SqsModule } from './load.js';
import { withinLimit } from './time-limit.js';

/** A message to send, for SQS and SNS alike. */
export interface OutgoingMessage {
  readonly body: string;
  /** Texts beside the body. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Seconds until it can be received, up to 900. SNS has none. */
  readonly delaySeconds?: number;
  /** Of FIFO queues: messages of one group are received in order. */
  readonly messageGroupId?: string | undefined;
  /** Of FIFO queues: for five minutes, further messages of this id are dropped. */
  readonly deduplicationId?: string | undefined;
}

/** How to receive. */
export interface ReceiveRequest {
  /** 1 to 10. */
  readonly most: number;
  readonly waitSeconds: number;
  /** How long others do not see what is received. */
  readonly visibilitySeconds: number;
  readonly signal: AbortSignal;
}

export interface VisibilityChange {
  readonly receiptHandle: string;
  /** From now. 0: everybody may have it. */
  readonly seconds: number;
}

/** A long poll may be answered so much later than it was asked to wait for. */
const POLL_GRACE_MS = 3000;

/** The requests to SQS, each with a limit in time, and with what was refused of a batch in order. */
export class QueueApi {
  /** @param timeoutMs Of each request; of receiving, beyond the time it waits. */
  constructor(
    private readonly sqs: SqsModule,
    private readonly client: SQSClient,
    private readonly timeoutMs: number,
  ) {}

  /** @returns Its URL; undefined when there is no such queue. */
  async find(name: string): Promise<string | undefined> {
    try {
      const { QueueUrl } = await withinLimit(this.timeoutMs, (limit) =>
        this.client.send(new this.sqs.GetQueueUrlCommand({ QueueName: name }), limit),
      );
      return QueueUrl;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** @returns Its URL. */
  async create(name: string, attributes: Readonly<Record<string, string>>): Promise<string> {
    const { QueueUrl } = await withinLimit(this.timeoutMs, (limit) =>
      this.client.send(
        new this.sqs.CreateQueueCommand({ QueueName: name, Attributes: { ...attributes } }),
        limit,
      ),
    );
    return QueueUrl!;
  }

  async attributes(
    url: string,
    names: readonly QueueAttributeName[],
  ): Promise<Partial<Record<string, string>>> {
    const command = new this.sqs.GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: [...names] });
    return (await withinLimit(this.timeoutMs, (limit) => this.client.send(command, limit))).Attributes ?? {};
  }

  async setAttributes(url: string, attributes: Readonly<Record<string, string>>): Promise<void> {
    const command = new this.sqs.SetQueueAttributesCommand({ QueueUrl: url, Attributes: { ...attributes } });
    await withinLimit(this.timeoutMs, (limit) => this.client.send(command, limit));
  }

  async send(url: string, messages: readonly OutgoingMessage[]): Promise<readonly (Error | undefined)[]> {
    const Entries = messages.map((message, i) => ({
      Id: String(i),
      MessageBody: message.body,
      MessageAttributes: attributesOf(message),
      DelaySeconds: message.delaySeconds,
      MessageGroupId: message.messageGroupId,
      MessageDeduplicationId: message.deduplicationId,
    }));
    const { Failed } = await withinLimit(this.timeoutMs, (limit) =>
      this.client.send(new this.sqs.SendMessageBatchCommand({ QueueUrl: url, Entries }), limit),
    );
    return resultsOf(Failed);
  }

  async receive(url: string, request: ReceiveRequest): Promise<readonly Message[]> {
    const { most, waitSeconds, visibilitySeconds, signal } = request;
    const command = new this.sqs.ReceiveMessageCommand({
      QueueUrl: url,
      MaxNumberOfMessages: most,
      WaitTimeSeconds: waitSeconds,
      VisibilityTimeout: visibilitySeconds,
      MessageAttributeNames: ['All'],
      MessageSystemAttributeNames: ['ApproximateReceiveCount', 'MessageGroupId'],
    });
    const { Messages } = await withinLimit(
      waitSeconds * 1000 + POLL_GRACE_MS,
      (limit) => this.client.send(command, limit),
      signal,
    );
    return Messages ?? [];
  }

  async delete(url: string, receiptHandles: readonly string[]): Promise<readonly (Error | undefined)[]> {
    const Entries = receiptHandles.map((ReceiptHandle, i) => ({ Id: String(i), ReceiptHandle }));
    const { Failed } = await withinLimit(this.timeoutMs, (limit) =>
      this.client.send(new this.sqs.DeleteMessageBatchCommand({ QueueUrl: url, Entries }), limit),
    );
    return resultsOf(Failed);
  }

  async changeVisibility(
    url: string,
    changes: readonly VisibilityChange[],
  ): Promise<readonly (Error | undefined)[]> {
    const Entries = changes.map(({ receiptHandle, seconds }, i) => ({
      Id: String(i),
      ReceiptHandle: receiptHandle,
      VisibilityTimeout: seconds,
    }));
    const { Failed } = await withinLimit(this.timeoutMs, (limit) =>
      this.client.send(new this.sqs.ChangeMessageVisibilityBatchCommand({ QueueUrl: url, Entries }), limit),
    );
    return resultsOf(Failed);
  }
}

/** Bytes of a message as SQS counts them: the body, and name, type and value of each attribute. */
export function bytesOf({ body, attributes }: OutgoingMessage): number {
  let bytes = Buffer.byteLength(body);
  for (const name in attributes) {
    bytes += Buffer.byteLength(name) + 'String'.length + Buffer.byteLength(attributes[name]!);
  }
  return bytes;
}

/** Attributes as requests have them. */
export function attributesOf({ attributes }: OutgoingMessage): Record<string, MessageAttributeValue> {
  const named: Record<string, MessageAttributeValue> = {};
  for (const name in attributes) named[name] = { DataType: 'String', StringValue: attributes[name] };
  return named;
}

interface Failure {
  readonly Id?: string | undefined;
  readonly Code?: string | undefined;
  readonly Message?: string | undefined;
  readonly SenderFault?: boolean | undefined;
}

/** What became of the entries of a batch, by their places in it: nothing, or why one was refused. */
export function resultsOf(failed: readonly Failure[] | undefined): readonly (Error | undefined)[] {
  const results: (Error | undefined)[] = [];
  for (const { Id, Code = 'unknown', Message, SenderFault } of failed ?? []) {
    results[Number(Id)] = new EntryError(Code, Message, SenderFault);
  }
  return results;
}
