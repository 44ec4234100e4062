import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { readCsv } from '../../sample/01-signup/src/file/csv.js';
import { BACKENDS } from '../../sample/02-backends/src/backends.js';
import { assertBuilt, packageRoot } from '../support/built-package.js';
import { ELASTICMQ_TIMEOUT_MS, startElasticMq } from '../support/services/elasticmq.js';
import { startKafka } from '../support/services/kafka.js';
import { JARS_TIMEOUT_MS } from '../support/services/maven-jars.js';
import { startNats } from '../support/services/nats.js';
import { startPostgres } from '../support/services/postgres.js';
import type { TestServer } from '../support/services/private-server.js';
import { startRabbitMQ } from '../support/services/rabbitmq.js';
import { startRedis } from '../support/services/redis.js';
import { buildSample, DataFolder, SampleProcess } from './sample-process.js';

const file = join(packageRoot, 'sample/01-signup/signups.csv');
const password = 'not-to-be-shown';

/** Which backends are on which server. */
const servers: {
  name: string;
  variable: string;
  start: () => Promise<TestServer>;
  startMs?: number;
  backends: string[];
}[] = [
  {
    name: 'Redis',
    variable: 'REDIS_URL',
    start: startRedis,
    backends: ['redis-streams', 'redis-pubsub', 'bullmq'],
  },
  { name: 'PostgreSQL', variable: 'POSTGRES_URL', start: startPostgres, backends: ['postgres'] },
  { name: 'NATS', variable: 'NATS_URL', start: startNats, backends: ['nats-jetstream', 'nats'] },
  {
    name: 'RabbitMQ',
    variable: 'AMQP_URL',
    start: startRabbitMQ,
    startMs: 90_000,
    backends: ['rabbitmq', 'microservices'],
  },
  {
    name: 'Kafka',
    variable: 'KAFKA_BROKERS',
    start: startKafka,
    startMs: JARS_TIMEOUT_MS,
    backends: ['kafka'],
  },
  {
    name: 'SQS',
    variable: 'SQS_ENDPOINT',
    start: startElasticMq,
    startMs: ELASTICMQ_TIMEOUT_MS,
    backends: ['sqs'],
  },
];
const withoutServer = ['memory', 'sqlite'];

interface Signup {
  readonly username: string;
  readonly email: string;
}

let people: Signup[];
let data: DataFolder;
let sample: SampleProcess | undefined;

beforeAll(async () => {
  assertBuilt();
  buildSample('02-backends');
  people = [];
  for await (const row of readCsv(createReadStream(file, 'utf8'), ['username', 'email'])) {
    if ('value' in row) people.push(row.value as Signup);
  }
}, 60_000);
beforeEach(async () => {
  data = await DataFolder.make();
});
afterEach(async () => {
  await sample?.kill();
  await data.remove();
});

function start(backend: string, environment: Record<string, string> = {}): SampleProcess {
  const own = {
    EVENTS_NAMESPACE: `s_${randomUUID().replaceAll('-', '')}`,
    CRM_FAILURE_RATE: '0',
    DATA_DIR: data.path,
  };
  sample = new SampleProcess('02-backends', ['--file', file], {
    ...own,
    ...environment,
    EVENTS_BACKEND: backend,
  });
  return sample;
}

/** What each handler has done once the process has ended, and how it ended. */
async function handledBy({ exited }: SampleProcess) {
  const code = await exited;
  if (code !== 0) return { code, output: sample?.output };
  return {
    code,
    mailed: await data.mailed(),
    inCrm: await emailsIn('crm'),
    counted: await data.recorded('analytics'),
  };
}

/** Each handler has had everybody in the file, and nobody else. */
function everybody() {
  return {
    code: 0,
    mailed: people.map(({ username }) => username).sort(),
    inCrm: people.map(({ email }) => email).sort(),
    counted: people.length,
  };
}

async function emailsIn(journal: string): Promise<string[]> {
  const text = await readFile(join(data.path, `${journal}.jsonl`), 'utf8');
  const lines = text.split('\n').filter((line) => line !== '');
  return [...new Set(lines.map((line) => (JSON.parse(line) as Signup).email))].sort();
}

describe('the sign-ups of the sample', () => {
  it.each(withoutServer)('are handled with EVENTS_BACKEND=%s', async (backend) => {
    expect(await handledBy(start(backend))).toEqual(everybody());
  });
});

describe.each(servers)(
  'the sign-ups of the sample, on $name',
  ({ variable, start: open, startMs, backends }) => {
    let server: TestServer;
    beforeAll(async () => {
      server = await open();
    }, startMs ?? 30_000);
    afterAll(() => server?.stop());

    it.each(backends)('are handled with EVENTS_BACKEND=%s', async (backend) => {
      const url = withCredentials(variable, server.url);
      expect(await handledBy(start(backend, { [variable]: url }))).toEqual(everybody());
    });
  },
);

/** Servers that stand in for AWS take any credentials, but its client wants some. */
function withCredentials(variable: string, url: string): string {
  return variable === 'SQS_ENDPOINT' ? url.replace('://', '://any:any@') : url;
}

it('runs with every backend that the sample knows', () => {
  const run = [...withoutServer, ...servers.flatMap(({ backends }) => backends)];
  expect(run.sort()).toEqual(Object.keys(BACKENDS).sort());
});

describe('a start that cannot work says why, with exit code 2', () => {
  it('when there is no such backend: which ones there are', async () => {
    const sample = start('rabbit');
    expect(await sample.exited).toBe(2);
    const names = Object.keys(BACKENDS).join(', ');
    expect(sample.output).toBe(`EVENTS_BACKEND is 'rabbit'. Choose one of: ${names}.\n`);
  });

  it('when there is no server: where it was looked for, without the password', async () => {
    const sample = start('postgres', { POSTGRES_URL: `postgresql://app:${password}@127.0.0.1:1/app` });
    expect(await sample.exited).toBe(2);
    expect(sample.output).toContain('connect ECONNREFUSED 127.0.0.1:1');
    expect(sample.output).toContain(
      'EVENTS_BACKEND=postgres looked for its server where POSTGRES_URL says. Is it there, and does it let you in?',
    );
    expect(sample.output).not.toContain(password);
    expect(sample.output).not.toContain('    at ');
  });
});
