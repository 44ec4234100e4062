import type { JobsOptions } from 'bullmq';
import { checkGroup, checkTimeout, checkWhole, refusedOption } from '../../clients/options.js';
import type { RedisConnectionOption } from '../../clients/redis/connection.js';
import { checkNamespace } from '../../clients/redis/namespace.js';
import { EventConfigurationError } from '../../errors.js';
import { assertKnown, type EventQueueOptions, type EventWorkerOptions } from './bullmq-options.js';
import { assertJobOptions, assertKeepsFailed, type EventJobOptionsSource } from './job-options.js';

/** The class, for errors. */
export const USER = 'BullMQBackend';

/** Which finished jobs to keep: all, none, so many, or by age in seconds and number. */
export type KeepFinished = NonNullable<JobsOptions['removeOnComplete']>;

/** Options of {@link BullMQBackend}. */
export interface BullMQOptions {
  /**
   * A URL such as `redis://localhost:6379`, ioredis options, or an existing `Redis` or `Cluster`. An existing client
   * adds jobs; it is duplicated for the worker. Only what the backend opened is closed by it. A `keyPrefix` is
   * refused, as by BullMQ: set `queueOptions.prefix`.
   */
  connection: RedisConnectionOption;
  /** First part of the names of all queues. Services that exchange events share it. Default `events`. */
  namespace?: string;
  /**
   * Name of the service. Processes of one group share the work; every group has a queue and gets every event.
   * Default: the module's `source`.
   */
  group?: string;
  /**
   * The groups that get what is published here. Default: all that ever subscribed, as kept in Redis, and this one if
   * there is none.
   */
  groups?: readonly string[];
  /** Jobs that run at once in this process, 1 or more. Default 10. */
  concurrency?: number;
  /**
   * BullMQ's `lockDuration`: milliseconds after which the work of a process that fell silent goes to another one, 100
   * or more. Renewed while handlers run. Default 30,000.
   */
  leaseMs?: number;
  /** Times a job may be taken up without its outcome being stored before it is dead-lettered. Default 10. */
  maxDeliveries?: number;
  /** Milliseconds until a publish that Redis does not confirm rejects. Default 10,000. */
  publishTimeoutMs?: number;
  /** Largest event in its wire form, in bytes, up to 256 MiB. Default 16 MiB. */
  maxEventBytes?: number;
  /** BullMQ's options for each job, or a function that makes them from the event. */
  jobOptions?: EventJobOptionsSource;
  /** BullMQ's options for queues. The `prefix` is `bull` unless set here; a cluster needs one with a `{hash tag}`. */
  queueOptions?: EventQueueOptions;
  /** BullMQ's options for the worker. `stalledInterval` is half of `leaseMs` unless set here. */
  workerOptions?: EventWorkerOptions;
  /**
   * Which completed jobs to keep, unless `jobOptions` say otherwise. An event id is stored once for as long as its job
   * is kept. Default: an hour, and 10,000 at most.
   */
  removeOnComplete?: KeepFinished;
  /** Which failed jobs to keep, at least one; the dead letters are kept apart. Default: a week, and 10,000 at most. */
  removeOnFail?: KeepFinished;
}

const MIB = 1024 * 1024;
const HOUR_S = 60 * 60;

/** Options with their defaults filled in and checked. `group` is still open: it may come from the module. */
export type ResolvedOptions = Required<Omit<BullMQOptions, 'group' | 'groups'>> & {
  readonly group: string | undefined;
  readonly groups: readonly string[] | undefined;
  readonly prefix: string;
};

/**
 * Fills in the defaults.
 *
 * @throws {EventConfigurationError} for a value that cannot work.
 */
export function resolveOptions(options: BullMQOptions): ResolvedOptions {
  const resolved: ResolvedOptions = {
    connection: options.connection,
    namespace: options.namespace ?? 'events',
    group: options.group,
    groups: options.groups,
    concurrency: options.concurrency ?? 10,
    leaseMs: options.leaseMs ?? 30_000,
    maxDeliveries: options.maxDeliveries ?? 10,
    publishTimeoutMs: options.publishTimeoutMs ?? 10_000,
    maxEventBytes: options.maxEventBytes ?? 16 * MIB,
    jobOptions: options.jobOptions ?? {},
    queueOptions: options.queueOptions ?? {},
    workerOptions: options.workerOptions ?? {},
    removeOnComplete: options.removeOnComplete ?? { age: HOUR_S, count: 10_000 },
    removeOnFail: options.removeOnFail ?? { age: 7 * 24 * HOUR_S, count: 10_000 },
    prefix: options.queueOptions?.prefix ?? 'bull',
  };
  assertConnection(resolved);
  assertNames(resolved);
  checkWhole('concurrency', resolved.concurrency, USER);
  checkWhole('leaseMs', resolved.leaseMs, USER, 100);
  checkWhole('maxDeliveries', resolved.maxDeliveries, USER);
  checkTimeout('publishTimeoutMs', resolved.publishTimeoutMs, USER);
  checkWhole('maxEventBytes', resolved.maxEventBytes, USER, 1, 256 * MIB);
  if (typeof resolved.jobOptions !== 'function') assertJobOptions(resolved.jobOptions, 'jobOptions');
  assertKeepsFailed(resolved.removeOnFail, 'options');
  assertKnown('queueOptions', resolved.queueOptions);
  assertKnown('workerOptions', resolved.workerOptions);
  return resolved;
}

function assertConnection({ connection, prefix }: ResolvedOptions): void {
  if (!connection) {
    const want = "a URL such as 'redis://localhost:6379', ioredis options or a client";
    throw refusedOption('connection', connection, USER, want);
  }
  if (typeof connection === 'string') return;
  const { keyPrefix } = 'options' in connection ? connection.options : connection;
  if (keyPrefix) {
    throw new EventConfigurationError(
      `Option 'connection' of ${USER} has keyPrefix '${keyPrefix}'. Set it to one without, and 'queueOptions.prefix'.`,
    );
  }
  if ('isCluster' in connection && connection.isCluster && !/\{.+\}/.test(prefix)) {
    throw refusedOption(
      'queueOptions.prefix',
      prefix,
      USER,
      "one with a hash tag such as '{bull}': 'connection' is a cluster",
    );
  }
}

function assertNames({ namespace, group, groups, prefix }: ResolvedOptions): void {
  checkNamespace(namespace, USER);
  checkGroup(group, USER);
  if (groups?.length === 0 || groups?.includes('')) {
    throw refusedOption('groups', groups, USER, 'the names of one or more services, or nothing');
  }
  if (prefix === '')
    throw refusedOption('queueOptions.prefix', prefix, USER, "text such as 'bull', or nothing");
}
