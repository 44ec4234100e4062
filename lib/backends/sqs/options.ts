import type { SnsConnectionOption, SqsConnectionOption } from '../../clients/aws/connection.js';
import { checkGroup, checkTimeout, checkWhole, refusedOption } from '../../clients/options.js';

/** Options of {@link SqsBackend}. */
export interface SqsOptions {
  /**
   * Configuration of the SQS client (region, credentials, endpoint …), a client, or an endpoint such as
   * `http://localhost:9324`. Only what the backend made is closed by it. Default: what the environment says.
   */
  connection?: SqsConnectionOption;
  /**
   * Has events go to a topic of SNS, which brings them to the queue of every group. `true` takes the configuration of
   * `connection`; else configuration of the SNS client, a client, or an endpoint. Default: no SNS.
   */
  sns?: boolean | SnsConnectionOption;
  /** First part of the names of queues, and name of the topic. Services that exchange events share it. Default `events`. */
  namespace?: string;
  /**
   * Name of the service, which has a queue of its own. Processes of one group share the work. Default: the module's
   * `source`.
   */
  group?: string;
  /**
   * Without SNS: the groups that get what is published here, by a message to the queue of each. Default: this one's own.
   */
  groups?: readonly string[];
  /**
   * Queues of the type FIFO: SQS brings events of one `key` in order. No delays, and while an event waits for a retry,
   * those of its key wait. Default false.
   */
  fifo?: boolean;
  /** Deliveries that run at once in this process, 1 or more. Default 10. */
  concurrency?: number;
  /**
   * Milliseconds after which the work of a process that fell silent goes to another one: the visibility timeout, 1000 to
   * 43,200,000 (12 hours), rounded up to whole seconds. Renewed while handlers run. Default 30,000.
   */
  leaseMs?: number;
  /** Times an event may be taken up without its outcome being stored before it is dead-lettered. Default 10. */
  maxDeliveries?: number;
  /** Milliseconds until a publish that is not confirmed rejects. Default 10,000. */
  publishTimeoutMs?: number;
  /** Milliseconds to try for a first answer before starting fails. Default 10,000. */
  connectTimeoutMs?: number;
  /**
   * Largest event, in bytes of its CloudEvents JSON. Larger ones are refused. SQS takes messages of 1 MiB, SNS and older
   * queues of 256 KiB, of which 64 KiB are kept for the history of a retry: up to 983,040. Default 196,608 (192 KiB).
   */
  maxEventBytes?: number;
  /** Seconds that a request for messages waits at SQS, 0 to 20. Default 20. */
  waitTimeSeconds?: number;
  /**
   * Whether to make queues where they are missing. Otherwise, starting fails then. Not with `sns`, which makes the topic
   * and its subscriptions, too. Default true.
   */
  createMissing?: boolean;
  /** Attributes of a queue that is made here, such as `{ KmsMasterKeyId: 'alias/events' }`. */
  queueAttributes?: Readonly<Record<string, string>>;
}

const KIB = 1024;
const USER = 'SqsBackend';
/** Room in a message for what is told beside the event: the history of its tries, mostly. */
export const HEADROOM_BYTES = 64 * KIB;
/** Of a message of SQS. */
const MAX_BYTES = 1024 * KIB;
/** Of a message of SNS, and of all messages of one of its calls. */
export const SNS_BYTES = 256 * KIB;
/** The longest time that SQS keeps a message for one receiver. */
export const MAX_LEASE_MS = 12 * 60 * 60 * 1000;
const MIN_LEASE_MS = 1000;
const MAX_WAIT_SECONDS = 20;

/** Options with their defaults filled in and checked. `group` and `groups` are still open: they may come from the module. */
export type ResolvedOptions = Required<Omit<SqsOptions, 'group' | 'groups'>> &
  Readonly<Record<'group', string | undefined>> &
  Readonly<Record<'groups', readonly string[] | undefined>>;

/**
 * Fills in the defaults.
 *
 * @throws {EventConfigurationError} for a value that cannot work.
 */
export function resolveOptions(options: SqsOptions): ResolvedOptions {
  const {
    connection = {},
    sns = false,
    namespace = 'events',
    group,
    groups,
    fifo = false,
    concurrency = 10,
    leaseMs = 30_000,
    maxDeliveries = 10,
    publishTimeoutMs = 10_000,
    connectTimeoutMs = 10_000,
    maxEventBytes = 192 * KIB,
    waitTimeSeconds = MAX_WAIT_SECONDS,
    createMissing = true,
    queueAttributes = {},
  } = options;
  if (namespace === '') throw refusedOption('namespace', namespace, USER, 'a text that is not empty');
  if (sns !== false && groups !== undefined)
    throw refusedOption('groups', groups, USER, "nothing when 'sns' is set: the topic knows the groups");
  if (sns !== false && !createMissing)
    throw refusedOption('createMissing', createMissing, USER, "true when 'sns' is set");
  if (groups?.length === 0 || groups?.includes(''))
    throw refusedOption('groups', groups, USER, 'the names of one service or more');
  if (leaseMs < MIN_LEASE_MS || leaseMs > MAX_LEASE_MS)
    throw refusedOption('leaseMs', leaseMs, USER, `${MIN_LEASE_MS} to ${MAX_LEASE_MS} milliseconds`);
  const mostBytes = (sns === false ? MAX_BYTES : SNS_BYTES) - HEADROOM_BYTES;
  if (checkWhole('maxEventBytes', maxEventBytes, USER) > mostBytes)
    throw refusedOption('maxEventBytes', maxEventBytes, USER, `${mostBytes} bytes at most`);
  if (checkWhole('waitTimeSeconds', waitTimeSeconds, USER, 0) > MAX_WAIT_SECONDS)
    throw refusedOption('waitTimeSeconds', waitTimeSeconds, USER, `${MAX_WAIT_SECONDS} seconds at most`);
  return {
    connection,
    sns,
    namespace,
    group: checkGroup(group, USER),
    groups,
    fifo,
    concurrency: checkWhole('concurrency', concurrency, USER),
    leaseMs: Math.ceil(checkTimeout('leaseMs', leaseMs, USER) / 1000) * 1000,
    maxDeliveries: checkWhole('maxDeliveries', maxDeliveries, USER),
    publishTimeoutMs: checkTimeout('publishTimeoutMs', publishTimeoutMs, USER),
    connectTimeoutMs: checkTimeout('connectTimeoutMs', connectTimeoutMs, USER),
    maxEventBytes,
    waitTimeSeconds,
    createMissing,
    queueAttributes,
  };
}
