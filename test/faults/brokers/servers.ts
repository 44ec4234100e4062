import { Redis } from 'ioredis';
import { describeWithOwnKafka, startKafka } from '../../support/services/kafka.js';
import { describeWithOwnNats, startNats } from '../../support/services/nats.js';
import type { TestServer } from '../../support/services/private-server.js';
import { describeWithOwnRabbitMQ, startRabbitMQ } from '../../support/services/rabbitmq.js';
import { describeWithOwnRedis, startRedis } from '../../support/services/redis.js';

/** A kind of server that the tests break. */
export interface BrokerServer {
  /** One that keeps what it confirmed when it is killed. */
  start(): Promise<TestServer>;
  /** `describe` for tests that break it. */
  readonly describe: (name: string, tests: () => void) => void;
  /** Whether stores for Redis can be in it, beside the events. */
  readonly isRedis: boolean;
  /** Keeps it from storing anything, and resolves with how to end that. Absent: there is no such switch. */
  readonly refuseWrites?: (url: string) => Promise<() => Promise<void>>;
}

export const REDIS: BrokerServer = {
  start: () => startRedis({ appendfsync: 'always' }),
  describe: describeWithOwnRedis,
  isRedis: true,
  refuseWrites: async (url) => {
    const admin = new Redis(url, { maxRetriesPerRequest: null });
    admin.on('error', () => undefined);
    await admin.config('SET', 'maxmemory', '1');
    return async () => {
      await admin.config('SET', 'maxmemory', '0');
      admin.disconnect();
    };
  },
};

/** It syncs its files now and then: what it confirmed survives its own death, not that of the machine. */
export const NATS: BrokerServer = { start: () => startNats(), describe: describeWithOwnNats, isRedis: false };

export const RABBITMQ: BrokerServer = {
  start: () => startRabbitMQ(),
  describe: describeWithOwnRabbitMQ,
  isRedis: false,
};

/** It leaves syncing to the system: what it confirmed survives its own death, not that of the machine. */
export const KAFKA: BrokerServer = {
  start: () => startKafka(),
  describe: describeWithOwnKafka,
  isRedis: false,
};
