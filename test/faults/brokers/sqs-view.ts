import { type Message, SQS } from '@aws-sdk/client-sqs';
import { Names } from '../../../lib/backends/sqs/names.js';
import { attributesOf, readEvent, readFacts } from '../../../lib/backends/sqs/message.js';
import { attributesOf as asSent } from '../../../lib/clients/aws/queue-api.js';
import { ALL_HANDLERS, type DeadLetter } from '../../../lib/dead-letters/dead-letter.js';
import type { Event } from '../../../lib/event.js';
import { SqsBackend } from '../../../lib/sqs.js';
import { waitFor } from '../../support/wait-for.js';
import { ANY_ACCOUNT } from '../programs/any-account.js';
import { GROUP } from '../programs/settings.js';
import type { BrokerView, Outstanding } from './broker-view.js';
import { insist } from './insist.js';

/** Messages of the queue, as ElasticMQ counts them: exactly. */
interface Counts {
  readonly ready: number;
  /** With a consumer, or not due yet. */
  readonly hidden: number;
}

/** How long a server that was killed may take to answer again, and a message of a process that died to be ready. */
const PATIENCE_MS = 30_000;
/** For so long nobody else sees what is looked at: more than it takes to put it back. */
const LOOK_SECONDS = 60;

/**
 * The queue of the group. What is in it can only be seen by receiving it, and SQS counts that: each message is put back as
 * a new one.
 */
export class SqsView implements BrokerView {
  readonly #client: SQS;
  readonly #operator: SqsBackend;

  constructor(
    url: string,
    readonly namespace: string,
  ) {
    const connection = { ...ANY_ACCOUNT, endpoint: url };
    this.#client = new SQS(connection);
    this.#operator = new SqsBackend({ connection, namespace, group: GROUP });
  }

  async settled(): Promise<boolean> {
    const { ready, hidden } = await this.#insist((queue) => this.#counts(queue));
    return ready + hidden === 0;
  }

  async outstanding(): Promise<Outstanding[]> {
    return (await this.#insist((queue) => this.#messages(queue))).map(workOf);
  }

  /** They are in a store of their own. */
  async deadLetters(): Promise<DeadLetter[]> {
    return [];
  }

  async whereabouts(eventId: string): Promise<string> {
    const found = (await this.outstanding()).filter((work) => work.eventId === eventId);
    return found.length === 0 ? 'in no message' : found.map(({ handlerId }) => `for ${handlerId}`).join(', ');
  }

  async publish(event: Event): Promise<void> {
    await this.#operator.publish(event);
  }

  async close(): Promise<void> {
    await this.#operator.close();
    this.#client.destroy();
  }

  /** Everything there is, once nothing is hidden: whoever works holds this up. */
  async #messages(QueueUrl: string): Promise<Message[]> {
    const { ready } = await waitFor(
      async () => {
        const counts = await this.#counts(QueueUrl);
        return counts.hidden === 0 ? counts : undefined;
      },
      { timeoutMs: PATIENCE_MS, intervalMs: 100, message: 'no message to be hidden' },
    );
    const found: Message[] = [];
    while (found.length < ready) {
      const { Messages = [] } = await this.#client.receiveMessage({
        QueueUrl,
        MaxNumberOfMessages: 10,
        VisibilityTimeout: LOOK_SECONDS,
        MessageAttributeNames: ['All'],
      });
      // A request of a process that died may have got the rest.
      if (Messages.length === 0) break;
      found.push(...Messages);
    }
    await Promise.all(found.map((message) => this.#putBack(QueueUrl, message)));
    return found;
  }

  async #putBack(QueueUrl: string, message: Message): Promise<void> {
    await this.#client.sendMessage({
      QueueUrl,
      MessageBody: message.Body,
      MessageAttributes: asSent({ body: '', attributes: attributesOf(message) }),
    });
    await this.#client.deleteMessage({ QueueUrl, ReceiptHandle: message.ReceiptHandle });
  }

  async #counts(QueueUrl: string): Promise<Counts> {
    const { Attributes = {} } = await this.#client.getQueueAttributes({ QueueUrl, AttributeNames: ['All'] });
    const {
      ApproximateNumberOfMessages,
      ApproximateNumberOfMessagesNotVisible,
      ApproximateNumberOfMessagesDelayed,
    } = Attributes;
    const hidden = Number(ApproximateNumberOfMessagesNotVisible) + Number(ApproximateNumberOfMessagesDelayed);
    return { ready: Number(ApproximateNumberOfMessages), hidden };
  }

  #insist<T>(work: (queueUrl: string) => Promise<T>): Promise<T> {
    return insist('ElasticMQ', PATIENCE_MS, async () => {
      const QueueName = new Names(this.namespace, false).queue(GROUP);
      const { QueueUrl } = await this.#client.getQueueUrl({ QueueName });
      return work(QueueUrl!);
    });
  }
}

function workOf(message: Message): Outstanding {
  return { eventId: readEvent(message).id, handlerId: readFacts(message)?.handlerId ?? ALL_HANDLERS };
}
