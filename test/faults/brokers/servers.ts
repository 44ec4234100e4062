import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from '@jest/globals';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { openDriver } from '../../../lib/backends/sqlite/driver.js';
import { describeWithOwnSqs, startElasticMq } from '../../support/services/elasticmq.js';
import { describeWithOwnKafka, startKafka } from '../../support/services/kafka.js';
import { describeWithOwnMosquitto, startMosquitto } from '../../support/services/mosquitto.js';
import { describeWithOwnNats, startNats } from '../../support/services/nats.js';
import { describeWithOwnPostgres, startPostgres } from '../../support/services/postgres.js';
import type { TestServer } from '../../support/services/private-server.js';
import { describeWithOwnRabbitMQ, startRabbitMQ } from '../../support/services/rabbitmq.js';
import { describeWithOwnRedis, startRedis } from '../../support/services/redis.js';

/** A file that services share: nothing in it can be killed, and no network leads to it. */
export interface SharedFile {
  /** Its path. */
  readonly url: string;
  /** Removes it. */
  stop(): Promise<void>;
}

/** Where events are. */
export type Broker = TestServer | SharedFile;

/** A kind of server, or of file, that the tests break. */
export interface BrokerServer<B extends Broker = Broker> {
  /** One that keeps what it confirmed when it, or who writes it, is killed. */
  start(): Promise<B>;
  /** `describe` for tests that break it. */
  readonly describe: (name: string, tests: () => void) => void;
  /** Whether it is a {@link SharedFile}. */
  readonly isFile: boolean;
  /** Whether stores for Redis can be in it, beside the events. */
  readonly isRedis: boolean;
  /** Keeps it from storing anything, and resolves with how to end that. Absent: there is no such switch. */
  readonly refuseWrites?: (url: string) => Promise<() => Promise<void>>;
}

export const REDIS: BrokerServer<TestServer> = {
  start: () => startRedis({ appendfsync: 'always' }),
  describe: describeWithOwnRedis,
  isFile: false,
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
export const NATS: BrokerServer<TestServer> = {
  start: () => startNats(),
  describe: describeWithOwnNats,
  isFile: false,
  isRedis: false,
};

export const RABBITMQ: BrokerServer<TestServer> = {
  start: () => startRabbitMQ(),
  describe: describeWithOwnRabbitMQ,
  isFile: false,
  isRedis: false,
};

/** It leaves syncing to the system: what it confirmed survives its own death, not that of the machine. */
export const KAFKA: BrokerServer<TestServer> = {
  start: () => startKafka(),
  describe: describeWithOwnKafka,
  isFile: false,
  isRedis: false,
};

/** It answers when what it was told is in its database, which writes it at once. */
export const ELASTICMQ: BrokerServer<TestServer> = {
  start: () => startElasticMq({ durable: true }),
  describe: describeWithOwnSqs,
  isFile: false,
  isRedis: false,
};

/** It keeps nothing. */
export const MOSQUITTO: BrokerServer<TestServer> = {
  start: () => startMosquitto(),
  describe: describeWithOwnMosquitto,
  isFile: false,
  isRedis: false,
};

export const POSTGRES: BrokerServer<TestServer> = {
  start: () => startPostgres(),
  describe: describeWithOwnPostgres,
  isFile: false,
  isRedis: false,
  refuseWrites: async (url) => {
    // Whoever is connected already is told to, too.
    await change(url, 'ALTER SYSTEM SET default_transaction_read_only = on');
    return () => change(url, 'ALTER SYSTEM RESET default_transaction_read_only');
  },
};

/** What is confirmed is with the system, which writes it down later: it survives processes, not the machine. */
export const SQLITE: BrokerServer<SharedFile> = {
  start: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'storm-'));
    return {
      url: join(folder, 'events.db'),
      stop: async () => rmSync(folder, { recursive: true }),
    };
  },
  describe,
  isFile: true,
  isRedis: false,
  // As a program does that has come to a halt in a transaction: there is one writer at a time.
  refuseWrites: async (path) => {
    const driver = await openDriver(path);
    driver.exec('PRAGMA busy_timeout = 10000');
    driver.exec('BEGIN IMMEDIATE');
    return async () => {
      driver.exec('ROLLBACK');
      driver.close();
    };
  },
};

/** Changes a setting of PostgreSQL, for all sessions. */
async function change(url: string, setting: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(setting);
    await client.query('SELECT pg_reload_conf()');
  } finally {
    await client.end();
  }
}
