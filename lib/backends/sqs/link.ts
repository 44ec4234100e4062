import type { SNSClient, SNSClientConfig } from '@aws-sdk/client-sns';
import type { SQSClient, SQSClientConfig } from '@aws-sdk/client-sqs';
import { configOf, isClient, type SnsConnectionOption } from '../../clients/aws/connection.js';
import { isPassing } from '../../clients/aws/failures.js';
import { loadSns, loadSqs } from '../../clients/aws/load.js';
import { QueueApi } from '../../clients/aws/queue-api.js';
import { TopicApi } from '../../clients/aws/topic-api.js';
import { toError } from '../../dispatch/failure.js';
import { EventConfigurationError, EventError, EventPublishError, EventTimeoutError } from '../../errors.js';
import { pause } from '../../timer.js';
import type { ItsBus } from '../shared/its-bus.js';
import { Opening } from '../shared/opening.js';
import type { Names } from './names.js';
import { HEADROOM_BYTES, type ResolvedOptions, SNS_BYTES } from './options.js';
import { Publisher, type Target, targetOf } from './publisher.js';
import { Topology } from './topology.js';

const USER = 'SqsBackend';
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2000;
/** Of one request; it is repeated while there is time. */
const REQUEST_MS = 5000;
const SQS_BYTES = 1_048_576;

/** A queue of one group. */
export interface GroupQueue {
  readonly url: string;
  readonly target: Target;
}

/** The clients, and everything that is there once they have reached AWS. */
export class Link {
  readonly publisher: Publisher;
  readonly #topology: Topology;
  readonly #queues = new Map<string, Opening<GroupQueue>>();
  readonly #topic: Opening<Target>;
  readonly #mostBytes: number;
  #ensuring: Promise<void> | undefined;

  /**
   * @param consumes Whether the queue of this group is consumed here.
   * @param dispose Frees the clients that were made here.
   */
  constructor(
    readonly api: QueueApi,
    topics: TopicApi | undefined,
    names: Names,
    private readonly options: ResolvedOptions,
    private readonly bus: ItsBus,
    consumes: () => boolean,
    readonly dispose: () => void,
  ) {
    const { publishTimeoutMs, maxEventBytes } = options;
    const most = maxEventBytes + HEADROOM_BYTES;
    this.#mostBytes = most > SNS_BYTES ? SQS_BYTES : SNS_BYTES;
    const consumer = () => (consumes() ? bus.group : undefined);
    this.#topology = new Topology({ api, topics, names, options, consumer });
    this.publisher = new Publisher(publishTimeoutMs / 2, () => this.ensure());
    this.#topic = new Opening(async () => {
      const arn = await this.#topology.topic();
      return targetOf((messages) => topics!.publish(arn, messages), SNS_BYTES);
    });
  }

  /** Where events are published to. */
  async targets(): Promise<readonly Target[]> {
    if (this.options.sns !== false) return [await this.#topic.get()];
    const groups = this.options.groups ?? [this.bus.group];
    const queues = await Promise.all(groups.map((group) => this.queue(group)));
    return queues.map(({ target }) => target);
  }

  /** The queue of a group. */
  queue(group: string): Promise<GroupQueue> {
    let opening = this.#queues.get(group);
    if (opening === undefined) {
      opening = new Opening(async () => {
        const url = await this.#topology.queue(group);
        return { url, target: targetOf((messages) => this.api.send(url, messages), this.#mostBytes) };
      });
      this.#queues.set(group, opening);
    }
    return opening.get();
  }

  /** Makes again what is missing of all that is used here. */
  ensure(): Promise<void> {
    return (this.#ensuring ??= this.#ensure().finally(() => (this.#ensuring = undefined)));
  }

  /** Messages that are on their way. */
  async unconfirmed(): Promise<number> {
    const queues = await Promise.all([...this.#queues.values()].map((opening) => opening.settled()));
    const topic = await this.#topic.settled();
    return queues.reduce((sum, queue) => sum + (queue?.target.size ?? 0), topic?.size ?? 0);
  }

  async #ensure(): Promise<void> {
    if (this.#topic.begun) await this.#topology.topic();
    for (const group of this.#queues.keys()) await this.#topology.queue(group);
  }
}

/**
 * Makes the clients.
 *
 * @throws {EventConfigurationError} when a package is missing, or `connection` cannot work.
 */
export async function openLink(
  options: ResolvedOptions,
  names: Names,
  bus: ItsBus,
  consumes: () => boolean,
): Promise<Link> {
  const timeoutMs = Math.min(REQUEST_MS, options.publishTimeoutMs / 2);
  const { connection, sns } = options;
  const sqs = await loadSqs(USER);
  const client = isClient<SQSClient>(connection)
    ? connection
    : new sqs.SQSClient(configOf<SQSClientConfig>(connection, USER));
  const own: { destroy(): void }[] = client === connection ? [] : [client];
  let topics: TopicApi | undefined;
  if (sns !== false) {
    const module = await loadSns(USER);
    const option = snsOptionOf(options);
    const topicClient = isClient<SNSClient>(option)
      ? option
      : new module.SNSClient(configOf<SNSClientConfig>(option, USER));
    if (topicClient !== option) own.push(topicClient);
    topics = new TopicApi(module, topicClient, timeoutMs);
  }
  const dispose = () => {
    for (const each of own) each.destroy();
  };
  return new Link(new QueueApi(sqs, client, timeoutMs), topics, names, options, bus, consumes, dispose);
}

function snsOptionOf({ connection, sns }: ResolvedOptions): SnsConnectionOption {
  if (typeof sns !== 'boolean') return sns;
  if (!isClient<SQSClient>(connection)) return connection;
  throw new EventConfigurationError(
    `Option 'sns' of ${USER} is true, and 'connection' is a client of SQS, which cannot reach SNS. Set 'sns' to an SNSClient, or to its configuration.`,
  );
}

/**
 * Repeats the first requests until AWS answers.
 *
 * @throws {EventTimeoutError} when it does not in time.
 * @throws {EventPublishError} when it refuses.
 */
export async function reached<T>(
  work: () => Promise<T>,
  timeoutMs: number,
  closing: AbortSignal,
  report: (error: Error) => void,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (let wait = FIRST_RETRY_MS; ; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof EventError) throw cause;
      const { name, message } = toError(cause);
      if (!isPassing(cause))
        throw new EventPublishError(`AWS refused to let ${USER} set up its queues: ${name}: ${message}`, {
          cause,
        });
      if (performance.now() + wait >= deadline || closing.aborted)
        throw new EventTimeoutError(
          `${USER} could not reach SQS within ${timeoutMs} ms: ${message}. Check 'connection': its region, endpoint and credentials.`,
          { cause },
        );
      if (wait === FIRST_RETRY_MS)
        report(new Error(`${USER} cannot reach SQS yet: ${message}. It tries again.`));
      await pause(wait, closing);
    }
  }
}
