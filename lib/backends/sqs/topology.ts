import type { QueueApi } from '../../clients/aws/queue-api.js';
import type { TopicApi } from '../../clients/aws/topic-api.js';
import { EventConfigurationError } from '../../errors.js';
import type { Names } from './names.js';
import { HEADROOM_BYTES, type ResolvedOptions } from './options.js';

const USER = 'SqsBackend';
/** The longest that SQS keeps messages, in seconds: 14 days. Nothing is to be lost while a service is down. */
const RETENTION_SECONDS = 1_209_600;
/** What messages may have in queues that were made before SQS took 1 MiB, and where nothing else is said. */
const OLD_MAX_BYTES = 262_144;
const MAX_BYTES = 1_048_576;

/** What a topology works with. */
export interface TopologyParts {
  readonly api: QueueApi;
  readonly topics: TopicApi | undefined;
  readonly names: Names;
  readonly options: ResolvedOptions;
  /** The group whose queue gets messages of the topic; undefined where nothing is consumed. */
  readonly consumer: () => string | undefined;
}

/** Queues, the topic and its subscriptions: made where they are missing, compared where they are there, never changed. */
export class Topology {
  constructor(private readonly parts: TopologyParts) {}

  /**
   * The topic.
   *
   * @returns Its ARN.
   */
  topic(): Promise<string> {
    const { names, options, topics } = this.parts;
    return topics!.create(
      names.topic,
      options.fifo ? { FifoTopic: 'true', ContentBasedDeduplication: 'false' } : {},
    );
  }

  /**
   * The queue of a group, subscribed to the topic where this process consumes it.
   *
   * @returns Its URL.
   * @throws {EventConfigurationError} when there is one that cannot work.
   */
  async queue(group: string): Promise<string> {
    const { api, topics } = this.parts;
    const name = this.parts.names.queue(group);
    const url = (await api.find(name)) ?? (await this.#create(name));
    const attributes = await api.attributes(url, ['All']);
    this.#check(name, attributes);
    if (topics !== undefined && this.parts.consumer() === group)
      await this.#subscribe(topics, name, url, attributes);
    return url;
  }

  async #create(name: string): Promise<string> {
    const { api, options } = this.parts;
    const { createMissing, fifo, maxEventBytes, queueAttributes } = options;
    if (!createMissing)
      throw new EventConfigurationError(
        `There is no queue '${name}', and option 'createMissing' of ${USER} is false. Make the queue, or leave the option out.`,
      );
    try {
      return await api.create(name, {
        ...(fifo && { FifoQueue: 'true' }),
        ...(maxEventBytes + HEADROOM_BYTES > OLD_MAX_BYTES && { MaximumMessageSize: String(MAX_BYTES) }),
        MessageRetentionPeriod: String(RETENTION_SECONDS),
        ...queueAttributes,
      });
    } catch (error) {
      // Another process was faster, with other attributes.
      const url = (error as Error).name === 'QueueNameExists' ? await api.find(name) : undefined;
      if (url === undefined) throw error;
      return url;
    }
  }

  #check(name: string, attributes: Partial<Record<string, string>>): void {
    const { maxEventBytes, maxDeliveries } = this.parts.options;
    const most = Number(attributes['MaximumMessageSize'] ?? MAX_BYTES);
    if (most < maxEventBytes + HEADROOM_BYTES)
      throw new EventConfigurationError(
        `Queue '${name}' takes messages of ${most} bytes (MaximumMessageSize), and option 'maxEventBytes' of ${USER} is ${maxEventBytes}, which needs ${maxEventBytes + HEADROOM_BYTES}. Lower the option or raise the attribute.`,
      );
    const redrive = attributes['RedrivePolicy'];
    const receives = redrive === undefined ? Infinity : Number(receiveCountOf(redrive));
    if (receives <= maxDeliveries)
      throw new EventConfigurationError(
        `The RedrivePolicy of queue '${name}' takes messages away after ${receives} receives (maxReceiveCount), before ${USER} can keep them as dead letters. Set it to more than option 'maxDeliveries' (${maxDeliveries}).`,
      );
  }

  async #subscribe(
    topics: TopicApi,
    name: string,
    url: string,
    { QueueArn, Policy }: Partial<Record<string, string>>,
  ): Promise<void> {
    const topicArn = await this.topic();
    if (Policy === undefined || Policy === '')
      await this.parts.api.setAttributes(url, { Policy: policyFor(QueueArn!, topicArn) });
    else if (!Policy.includes(topicArn))
      throw new EventConfigurationError(
        `The Policy of queue '${name}' does not mention the topic ${topicArn}. Allow it sqs:SendMessage for the service sns.amazonaws.com.`,
      );
    if (await topics.subscribe(topicArn, QueueArn!)) return;
    throw new EventConfigurationError(
      `Queue '${name}' has a subscription to the topic ${topicArn} that differs from what ${USER} needs. Set its attribute RawMessageDelivery to true and remove others, or remove the subscription.`,
    );
  }
}

function receiveCountOf(redrivePolicy: string): unknown {
  return (JSON.parse(redrivePolicy) as { maxReceiveCount?: unknown }).maxReceiveCount ?? Infinity;
}

function policyFor(queueArn: string, topicArn: string): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: 'sns.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: queueArn,
        Condition: { ArnEquals: { 'aws:SourceArn': topicArn } },
      },
    ],
  });
}
