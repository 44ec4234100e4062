import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { PublishOptions } from '../../lib/backends/backend.js';
import { EventPublishError } from '../../lib/errors.js';
import { createEvent } from '../../lib/event.js';
import type { RedisStreamsBackend } from '../../lib/redis.js';
import type { TestServer } from '../support/services/private-server.js';
import { describeWithOwnRedis, startRedis } from '../support/services/redis.js';
import { waitFor } from '../support/wait-for.js';
import { Harness } from './harness.js';

const TIMEOUT_MS = 500;
/** Beyond the limit: what a busy machine may add. */
const SLACK_MS = 1000;

interface Fault {
  readonly name: string;
  /** What the error says. */
  readonly reason: RegExp;
  begin(server: TestServer, harness: Harness): Promise<unknown>;
  end(server: TestServer, harness: Harness): Promise<unknown>;
}

const config =
  (setting: string, value: string) =>
  (_: TestServer, { client }: Harness) =>
    client.config('SET', setting, value);

const FAULTS: readonly Fault[] = [
  {
    name: 'is killed',
    reason: /no reply within 500 ms|Connection is closed/,
    begin: (server) => server.kill9(),
    end: (server) => server.restart(),
  },
  {
    name: 'hangs, with its connections open',
    reason: /no reply within 500 ms/,
    begin: (server) => server.pause(),
    end: (server) => server.resume(),
  },
  {
    name: 'is a replica',
    reason: /no reply within 500 ms/,
    begin: (_, { client }) => client.replicaof('127.0.0.1', '1'),
    end: (_, { client }) => client.replicaof('NO', 'ONE'),
  },
  {
    name: 'is out of memory',
    reason: /refused .*: OOM command not allowed when used memory > 'maxmemory'/,
    begin: config('maxmemory', '1mb'),
    end: config('maxmemory', '0'),
  },
  {
    name: 'cannot write to its disk',
    reason: /refused .*: MISCONF/,
    begin: async (_, { client }) => {
      // Saving replaces this file, which fails where there is a folder.
      await client.config('SET', 'dbfilename', 'appendonlydir');
      await client.config('SET', 'save', '3600 1');
      await client.bgsave();
      await waitFor(async () => (await client.info('persistence')).includes('rdb_last_bgsave_status:err'));
    },
    end: config('save', ''),
  },
  {
    name: 'has too few replicas',
    reason: /refused .*: NOREPLICAS/,
    begin: config('min-replicas-to-write', '1'),
    end: config('min-replicas-to-write', '0'),
  },
];

describeWithOwnRedis('Redis Streams: publishing to a server that', () => {
  let server: TestServer;
  let harness: Harness;
  beforeAll(async () => {
    server = await startRedis({ args: ['--enable-protected-configs', 'yes'] });
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    harness = new Harness(server.url);
  });
  afterEach(() => harness.close());

  const WAYS: readonly (readonly (PublishOptions | undefined)[])[] = [
    [undefined],
    [{ deduplicate: true }],
    [{ delayMs: 1 }],
    [undefined, undefined],
    [undefined, { deduplicate: true }],
  ];

  /** Publishes one alone and several together, in every way there is. Resolves with what rejected. */
  async function publishAllWays(backend: RedisStreamsBackend, confirmed: Set<string>): Promise<Error[]> {
    const errors: Error[] = [];
    for (const way of WAYS) {
      const publishing = way.map(async (options) => {
        const event = createEvent('published', {});
        await backend.publish(event, options);
        confirmed.add(event.id);
      });
      for (const result of await Promise.allSettled(publishing)) {
        if (result.status === 'rejected') errors.push(result.reason as Error);
      }
    }
    return errors;
  }

  /** Everything that is in the stream, or waits for its time. */
  async function stored(): Promise<Set<string>> {
    const entries = await harness.client.xrange(harness.key('stream'), '-', '+');
    const delayed = await harness.client.hkeys(harness.key('scheduled'));
    return new Set([...entries.map(([, fields]) => JSON.parse(fields[1]!).id as string), ...delayed]);
  }

  const PUBLISHED_EACH_TIME = WAYS.flat().length;

  it.each(FAULTS)(
    '$name: rejects in time, confirms nothing false, and goes on afterwards',
    async (fault) => {
      const backend = harness.backend({ publishTimeoutMs: TIMEOUT_MS });
      const confirmed = new Set<string>();
      expect(await publishAllWays(backend, confirmed)).toEqual([]);

      // Traffic goes on while the fault begins.
      let over = false;
      const traffic = (async () => {
        while (!over) await publishAllWays(backend, confirmed);
      })();
      await fault.begin(server, harness);
      try {
        over = true;
        await traffic;
        const startedAt = performance.now();
        const errors = await publishAllWays(backend, confirmed);
        expect(performance.now() - startedAt).toBeLessThan(WAYS.length * TIMEOUT_MS + SLACK_MS);
        expect(errors).toHaveLength(PUBLISHED_EACH_TIME);
        for (const error of errors) {
          expect(error).toBeInstanceOf(EventPublishError);
          expect(error.message).toMatch(fault.reason);
        }
      } finally {
        await fault.end(server, harness);
      }
      const recovered = new Set<string>();
      await waitFor(async () => (await publishAllWays(backend, recovered)).length === 0, {
        timeoutMs: 15_000,
      });
      const present = await stored();
      for (const id of [...confirmed, ...recovered]) expect(present).toContain(id);
    },
    60_000,
  );

  it('is not there yet: rejects in time, and works when it comes', async () => {
    await server.kill9();
    try {
      const backend = harness.backend({ publishTimeoutMs: TIMEOUT_MS });
      const startedAt = performance.now();
      const confirmed = new Set<string>();
      expect(await publishAllWays(backend, confirmed)).toHaveLength(PUBLISHED_EACH_TIME);
      expect(performance.now() - startedAt).toBeLessThan(WAYS.length * TIMEOUT_MS + SLACK_MS);
      expect(confirmed.size).toBe(0);
      await server.restart();
      await waitFor(async () => (await publishAllWays(backend, confirmed)).length === 0, {
        timeoutMs: 15_000,
      });
      // What waited for a connection when its time was over is not stored by and by.
      expect(await stored()).toEqual(confirmed);
    } finally {
      if (server.pid === undefined) await server.restart();
    }
  }, 60_000);
});
