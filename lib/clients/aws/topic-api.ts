import type { SNSClient } from '@aws-sdk/client-sns';
import type { SnsModule } from './load.js';
import { withinLimit } from './time-limit.js';
import { attributesOf, type OutgoingMessage, resultsOf } from './queue-api.js';

/** The requests to SNS, each with a limit in time. */
export class TopicApi {
  /** @param timeoutMs Of each request. */
  constructor(
    private readonly sns: SnsModule,
    private readonly client: SNSClient,
    private readonly timeoutMs: number,
  ) {}

  /** Makes the topic unless there is one of this name and these attributes. @returns Its ARN. */
  async create(name: string, attributes: Readonly<Record<string, string>>): Promise<string> {
    const command = new this.sns.CreateTopicCommand({ Name: name, Attributes: { ...attributes } });
    const { TopicArn } = await withinLimit(this.timeoutMs, (limit) => this.client.send(command, limit));
    return TopicArn!;
  }

  /**
   * Has a queue get the messages of a topic as they are.
   *
   * @returns Whether it does: not where there is a subscription that differs.
   */
  async subscribe(topicArn: string, queueArn: string): Promise<boolean> {
    const command = new this.sns.SubscribeCommand({
      TopicArn: topicArn,
      Protocol: 'sqs',
      Endpoint: queueArn,
      Attributes: { RawMessageDelivery: 'true' },
    });
    try {
      await withinLimit(this.timeoutMs, (limit) => this.client.send(command, limit));
      return true;
    } catch (error) {
      if (/already exists with different attributes/.test((error as Error).message)) return false;
      throw error;
    }
  }

  async publish(
    topicArn: string,
    messages: readonly OutgoingMessage[],
  ): Promise<readonly (Error | undefined)[]> {
    const entries = messages.map((message, i) => ({
      Id: String(i),
      Message: message.body,
      MessageAttributes: attributesOf(message),
      MessageGroupId: message.messageGroupId,
      MessageDeduplicationId: message.deduplicationId,
    }));
    const { Failed } = await withinLimit(this.timeoutMs, (limit) =>
      this.client.send(
        new this.sns.PublishBatchCommand({ TopicArn: topicArn, PublishBatchRequestEntries: entries }),
        limit,
      ),
    );
    return resultsOf(Failed);
  }
}
