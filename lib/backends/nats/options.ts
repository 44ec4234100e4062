import type { NatsConnectionOption } from '../../clients/nats/connection.js';
import { checkGroup, checkTimeout, checkWhole, refusedOption } from '../../clients/options.js';
import { EventConfigurationError } from '../../errors.js';

/** Options of {@link NatsBackend}. */
export interface NatsOptions {
  /**
   * A URL such as `nats://localhost:4222`, options of the NATS client with `nkeySeed` and `credentialsFile` beside, or a
   * connection. Only what the backend opened is closed by it.
   */
  connection: NatsConnectionOption;
  /** First part of the subjects. Services that exchange events share it. Default `events`. */
  namespace?: string;
  /** Name of the service: its queue group. Default: the module's `source`. */
  group?: string;
  /**
   * `queue`: each event to one process of every service. `fan-out`: to every process. Default `queue`; broadcast
   * handlers are called in every process either way.
   */
  distribution?: 'queue' | 'fan-out';
  /** Deliveries that run at once in this process, 1 or more. Default 10. */
  concurrency?: number;
  /**
   * Events that may wait in this process. NATS sends them without being asked: those beyond go to the dead letters.
   * Default 10,000.
   */
  maxQueued?: number;
  /** Milliseconds until a publish that the server does not confirm rejects. Default 10,000. */
  publishTimeoutMs?: number;
  /** Milliseconds to try for a first connection before starting fails. Default 10,000. */
  connectTimeoutMs?: number;
  /**
   * Largest event, in bytes of its CloudEvents JSON; larger ones are refused. The server's `max_payload` has to be
   * larger by 1 KiB. Default 768 KiB.
   */
  maxEventBytes?: number;
}

/** Options with their defaults filled in and checked. `group` is still open: it may come from the module. */
export type ResolvedNatsOptions = Required<Omit<NatsOptions, 'group'>> & {
  readonly group: string | undefined;
};

/** What errors call the backend. */
export const USER = 'NatsBackend';

/**
 * Fills in the defaults.
 *
 * @throws {EventConfigurationError} for a value that cannot work.
 */
export function resolveNatsOptions(options: NatsOptions): ResolvedNatsOptions {
  const {
    connection,
    namespace = 'events',
    group,
    distribution = 'queue',
    concurrency = 10,
    maxQueued = 10_000,
    publishTimeoutMs = 10_000,
    connectTimeoutMs = 10_000,
    maxEventBytes = 768 * 1024,
  } = options;
  if (!connection) {
    throw new EventConfigurationError(
      `${USER} needs a 'connection': a URL such as 'nats://localhost:4222', options or a connection of the NATS client.`,
    );
  }
  if (namespace === '') throw refusedOption('namespace', namespace, USER, 'a text that is not empty');
  if (distribution !== 'queue' && distribution !== 'fan-out') {
    throw refusedOption('distribution', distribution, USER, "'queue' or 'fan-out'");
  }
  return {
    connection,
    namespace,
    group: checkGroup(group, USER),
    distribution,
    concurrency: checkWhole('concurrency', concurrency, USER),
    maxQueued: checkWhole('maxQueued', maxQueued, USER),
    publishTimeoutMs: checkTimeout('publishTimeoutMs', publishTimeoutMs, USER),
    connectTimeoutMs: checkTimeout('connectTimeoutMs', connectTimeoutMs, USER),
    maxEventBytes: checkWhole('maxEventBytes', maxEventBytes, USER),
  };
}
