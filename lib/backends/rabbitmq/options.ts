import type { AmqpConnectionOption } from '../../clients/amqp/connection.js';
import { checkGroup, checkTimeout, checkWhole, refusedOption } from '../../clients/options.js';
import { EventConfigurationError } from '../../errors.js';

/** Options of {@link RabbitMQBackend}. */
export interface RabbitMQOptions {
  /**
   * A URL such as `amqp://user:password@localhost:5672/vhost` (`amqps://` for TLS), options of amqplib, or a connection
   * of it. Only what the backend opened is closed by it: two connections, one to publish and one to consume.
   */
  readonly connection: AmqpConnectionOption;
  /** Name of the exchange, and first part of the names of queues. Services that exchange events share it. Default `events`. */
  readonly namespace?: string;
  /**
   * Name of the service, and of its queue. Processes of one group share the work; every group gets every event. Default:
   * the module's `source`.
   */
  readonly group?: string;
  /** Deliveries that run at once in this process, 1 or more. Default 10. */
  readonly concurrency?: number;
  /**
   * Milliseconds after which the work of a process that fell silent goes to another one, 2000 or more: twice the
   * heartbeat of the connection, which is a whole number of seconds. Default 30,000. Of connections that are given, the
   * heartbeat is theirs.
   */
  readonly leaseMs?: number;
  /** Times an event may be taken up without its outcome being stored before it is dead-lettered, 1 to 900. Default 10. */
  readonly maxDeliveries?: number;
  /** Milliseconds until a publish that the broker does not confirm rejects. Default 10,000. */
  readonly publishTimeoutMs?: number;
  /** Milliseconds to try for a first connection before starting fails. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Largest event, in bytes of its CloudEvents JSON, up to 12 MiB. Larger ones are refused. Default 1 MiB. */
  readonly maxEventBytes?: number;
  /**
   * What becomes of an event while no service has a queue yet. Default `keep`.
   * - `keep`: it waits in a queue of the namespace, for the first service that consumes.
   * - `reject`: publishing it rejects with an EventPublishError.
   */
  readonly unroutable?: 'keep' | 'reject';
}

const USER = 'RabbitMQBackend';
const MIB = 1024 * 1024;
/** Room beside an event, in a message of 16 MiB, for what else is told of it. */
const MAX_EVENT_BYTES = 12 * MIB;
/** Below the limit of the broker, at which it takes an event out of the queue by itself. */
const MAX_DELIVERIES = 900;
const MIN_LEASE_MS = 2000;

/** Options with their defaults filled in and checked. `group` is still open: it may come from the module. */
export type ResolvedOptions = Required<Omit<RabbitMQOptions, 'group'>> & {
  readonly group: string | undefined;
};

/**
 * Fills in the defaults.
 *
 * @throws {EventConfigurationError} for a value that cannot work.
 */
export function resolveOptions(options: RabbitMQOptions): ResolvedOptions {
  const {
    connection,
    namespace = 'events',
    group,
    concurrency = 10,
    leaseMs = 30_000,
    maxDeliveries = 10,
    publishTimeoutMs = 10_000,
    connectTimeoutMs = 10_000,
    maxEventBytes = MIB,
    unroutable = 'keep',
  } = options;
  if (!connection) {
    throw new EventConfigurationError(
      `${USER} needs a 'connection': a URL such as 'amqp://localhost:5672', options or a connection of amqplib.`,
    );
  }
  if (namespace === '' || namespace.startsWith('amq.')) {
    throw refusedOption('namespace', namespace, USER, `a text that does not begin with 'amq.'`);
  }
  if (!(leaseMs >= MIN_LEASE_MS)) {
    throw refusedOption('leaseMs', leaseMs, USER, `at least ${MIN_LEASE_MS} milliseconds`);
  }
  if (maxDeliveries > MAX_DELIVERIES) {
    throw refusedOption('maxDeliveries', maxDeliveries, USER, `a whole number from 1 to ${MAX_DELIVERIES}`);
  }
  if (maxEventBytes > MAX_EVENT_BYTES) {
    throw refusedOption('maxEventBytes', maxEventBytes, USER, `at most ${MAX_EVENT_BYTES} bytes`);
  }
  if (unroutable !== 'keep' && unroutable !== 'reject') {
    throw refusedOption('unroutable', unroutable, USER, `'keep' or 'reject'`);
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
    maxEventBytes: checkWhole('maxEventBytes', maxEventBytes, USER),
    unroutable,
  };
}
