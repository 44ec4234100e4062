import type { NatsConnectionOption } from '../../clients/nats/connection.js';
import { checkGroup, checkTimeout, checkWhole, refusedOption } from '../../clients/options.js';
import { EventConfigurationError } from '../../errors.js';

/** Options of {@link NatsJetStreamBackend}. */
export interface NatsJetStreamOptions {
  /**
   * A URL such as `nats://localhost:4222`, options of the NATS client with `nkeySeed` and `credentialsFile` beside, or a
   * connection. Only what the backend opened is closed by it.
   */
  connection: NatsConnectionOption;
  /** Name of the stream, and first part of its subjects. Services that exchange events share it. Default `events`. */
  namespace?: string;
  /**
   * Name of the service. Processes of one group share the work; every group gets every event. Default: the module's
   * `source`.
   */
  group?: string;
  /** Deliveries that run at once in this process, 1 or more. Default 10. */
  concurrency?: number;
  /**
   * Milliseconds after which the work of a process that fell silent goes to another one, 100 or more: the `ack_wait` of
   * the consumers. Renewed while handlers run. Default 30,000.
   */
  leaseMs?: number;
  /** Times an event may be taken up without its outcome being stored before it is dead-lettered. Default 10. */
  maxDeliveries?: number;
  /** Milliseconds until a publish that JetStream does not confirm rejects. Default 10,000. */
  publishTimeoutMs?: number;
  /** Milliseconds to try for a first connection before starting fails. Default 10,000. */
  connectTimeoutMs?: number;
  /** Milliseconds for which the stream remembers the ids of events, to store none twice. Default 2 minutes. */
  deduplicationMs?: number;
  /**
   * Largest event, in bytes of its CloudEvents JSON. Larger ones are refused. The server's `max_payload` has to be
   * larger by 256 KiB, for the history of a retry. Default 768 KiB.
   */
  maxEventBytes?: number;
  /** Where a stream that is missing is kept. Default `file`. */
  storage?: 'file' | 'memory';
  /** Copies of a stream that is missing, in a cluster: 1, 3 or 5. Default 1. */
  replicas?: number;
  /**
   * Bytes that a stream that is missing may grow to; then publishing is refused until the services have caught up.
   * Default: no limit.
   */
  maxStreamBytes?: number;
}

const KIB = 1024;

/** Options with their defaults filled in and checked. `group` is still open: it may come from the module. */
export type ResolvedOptions = Required<Omit<NatsJetStreamOptions, 'group'>> & {
  readonly group: string | undefined;
};

/** What errors call the backend. */
export const USER = 'NatsJetStreamBackend';

/**
 * Fills in the defaults.
 *
 * @throws {EventConfigurationError} for a value that cannot work.
 */
export function resolveOptions(options: NatsJetStreamOptions): ResolvedOptions {
  const {
    connection,
    namespace = 'events',
    group,
    concurrency = 10,
    leaseMs = 30_000,
    maxDeliveries = 10,
    publishTimeoutMs = 10_000,
    connectTimeoutMs = 10_000,
    deduplicationMs = 120_000,
    maxEventBytes = 768 * KIB,
    storage = 'file',
    replicas = 1,
    maxStreamBytes = -1,
  } = options;
  if (!connection) {
    throw new EventConfigurationError(
      `${USER} needs a 'connection': a URL such as 'nats://localhost:4222', options or a connection of the NATS client.`,
    );
  }
  if (namespace === '') throw refusedOption('namespace', namespace, USER, 'a text that is not empty');
  if (leaseMs < 100) throw refusedOption('leaseMs', leaseMs, USER, 'at least 100 milliseconds');
  if (maxStreamBytes !== -1 && !(Number.isSafeInteger(maxStreamBytes) && maxStreamBytes > 0)) {
    throw refusedOption('maxStreamBytes', maxStreamBytes, USER, 'a whole number of bytes, or leave it out');
  }
  if (storage !== 'file' && storage !== 'memory')
    throw refusedOption('storage', storage, USER, "'file' or 'memory'");
  if (deduplicationMs < publishTimeoutMs) {
    // What was not confirmed is sent again, and must not be stored twice.
    throw refusedOption(
      'deduplicationMs',
      deduplicationMs,
      USER,
      `at least 'publishTimeoutMs' (${publishTimeoutMs})`,
    );
  }
  return {
    connection,
    namespace,
    group: checkGroup(group, USER),
    concurrency: checkWhole('concurrency', concurrency, USER),
    leaseMs: checkTimeout('leaseMs', leaseMs, USER),
    maxDeliveries: checkWhole('maxDeliveries', maxDeliveries, USER),
    publishTimeoutMs: checkTimeout('publishTimeoutMs', publishTimeoutMs, USER),
    connectTimeoutMs: checkTimeout('connectTimeoutMs', connectTimeoutMs, USER),
    deduplicationMs: checkTimeout('deduplicationMs', deduplicationMs, USER),
    maxEventBytes: checkWhole('maxEventBytes', maxEventBytes, USER),
    storage,
    replicas: checkWhole('replicas', replicas, USER),
    maxStreamBytes,
  };
}
