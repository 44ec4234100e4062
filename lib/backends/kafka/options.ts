import type { KafkaConnectionOption } from '../../clients/kafka/connection-option.js';
import { checkGroup, checkTimeout, checkWhole, refusedOption } from '../../clients/options.js';
import { EventConfigurationError } from '../../errors.js';

export const USER = 'KafkaBackend';
const KIB = 1024;

/** Options of {@link KafkaBackend}. */
export interface KafkaOptions {
  /**
   * Brokers such as `localhost:9092`, a URL such as `kafka://user:password@host:9092`, options, or a client. Only what the
   * backend opened is closed by it.
   */
  connection: KafkaConnectionOption;
  /** Name of the topic of events, and first part of all other names. Services that exchange events share it. Default `events`. */
  namespace?: string;
  /**
   * Name of the service: its consumer group is `<namespace>.<group>`. Processes of one group share the work; every group
   * gets every event. Default: the module's `source`.
   */
  group?: string;
  /**
   * Topics of their own for some events: names of topics, each with the names or patterns of its events, such as
   * `{ orders: ['order.*'] }`. The first that fits counts. Services that exchange events need the same. Default: none.
   */
  topics?: Readonly<Record<string, string | readonly string[]>>;
  /** Partitions of a topic of events that is missing: how many processes of a service can share its events. Default 6. */
  partitions?: number;
  /** Copies of a topic that is missing. Default: what the brokers are set to. */
  replicas?: number;
  /** Deliveries that run at once in this process, 1 or more. Default 10. */
  concurrency?: number;
  /**
   * Milliseconds after which the partitions of a process that fell silent go to others: the session of the consumer group,
   * which brokers take from 6,000 on unless they are set to something else. Default 30,000.
   */
  leaseMs?: number;
  /** Times a process may die with an event before the event is dead-lettered. Default 10. */
  maxDeliveries?: number;
  /** Milliseconds until a publish that is not confirmed rejects. Default 10,000. */
  publishTimeoutMs?: number;
  /** Milliseconds to try for a first connection before starting fails. Default 10,000. */
  connectTimeoutMs?: number;
  /**
   * Largest event, in bytes of its CloudEvents JSON. Larger ones are refused. The `max.message.bytes` of the topics has to
   * be larger by 256 KiB, for the history of a retry. Default 768 KiB.
   */
  maxEventBytes?: number;
  /** Where a group begins that has never been there: at the `first` event that is kept, or at the `next` one. Default `first`. */
  startFrom?: 'first' | 'next';
}

/** Options with their defaults filled in and checked. `group` is still open: it may come from the module. */
export type ResolvedOptions = Required<Omit<KafkaOptions, 'group'>> & { readonly group: string | undefined };

/**
 * Fills in the defaults.
 *
 * @throws {EventConfigurationError} for a value that cannot work.
 */
export function resolveOptions(options: KafkaOptions): ResolvedOptions {
  const {
    connection,
    namespace = 'events',
    group,
    topics = {},
    partitions = 6,
    replicas = -1,
    concurrency = 10,
    leaseMs = 30_000,
    maxDeliveries = 10,
    publishTimeoutMs = 10_000,
    connectTimeoutMs = 10_000,
    maxEventBytes = 768 * KIB,
    startFrom = 'first',
  } = options;
  if (!connection) {
    throw new EventConfigurationError(
      `${USER} needs a 'connection': brokers such as 'localhost:9092', a URL, options or a client.`,
    );
  }
  if (namespace === '') throw refusedOption('namespace', namespace, USER, 'a text that is not empty');
  if (startFrom !== 'first' && startFrom !== 'next')
    throw refusedOption('startFrom', startFrom, USER, "'first' or 'next'");
  if (replicas !== -1) checkWhole('replicas', replicas, USER);
  return {
    connection,
    namespace,
    group: checkGroup(group, USER),
    topics,
    partitions: checkWhole('partitions', partitions, USER),
    replicas,
    concurrency: checkWhole('concurrency', concurrency, USER),
    leaseMs: checkTimeout('leaseMs', leaseMs, USER),
    maxDeliveries: checkWhole('maxDeliveries', maxDeliveries, USER),
    publishTimeoutMs: checkTimeout('publishTimeoutMs', publishTimeoutMs, USER),
    connectTimeoutMs: checkTimeout('connectTimeoutMs', connectTimeoutMs, USER),
    maxEventBytes: checkWhole('maxEventBytes', maxEventBytes, USER),
    startFrom,
  };
}
