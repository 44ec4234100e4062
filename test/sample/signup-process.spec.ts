import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { assertBuilt, packageRoot } from '../support/built-package.js';
import type { TestServer } from '../support/services/private-server.js';
import { startRedis } from '../support/services/redis.js';
import { waitFor } from '../support/wait-for.js';
import { buildSample, DataFolder, SampleProcess, signUpUntilRefused } from './sample-process.js';

const started: SampleProcess[] = [];
let data: DataFolder;

beforeAll(() => {
  assertBuilt();
  buildSample('01-signup');
}, 60_000);
beforeEach(async () => {
  data = await DataFolder.make();
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((sample) => sample.kill()));
  await data.remove();
});

function start(args: readonly string[], environment: Record<string, string> = {}): SampleProcess {
  const sample = new SampleProcess('01-signup', args, { DATA_DIR: data.path, ...environment });
  started.push(sample);
  return sample;
}

const inMemory = { EVENTS_BACKEND: 'memory' };

const clients = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

/** Lets clients sign up without pause until the server is interrupted, some way into the traffic. */
async function signUpAndInterrupt(sample: SampleProcess): Promise<string[]> {
  const url = await sample.url();
  const traffic = Promise.all(clients.map((client) => signUpUntilRefused(url, `user-${client}`)));
  await waitFor(async () => (await readStats(url)).published >= 100, {
    message: '100 sign-ups',
    timeoutMs: 15_000,
  });
  sample.interrupt();
  return (await traffic).flat().sort();
}

async function readStats(url: string): Promise<{ published: number }> {
  return (await fetch(`${url}/events/stats`)).json() as Promise<{ published: number }>;
}

describe('Ctrl-C while clients go on signing up', () => {
  it('handles every accepted sign-up in memory, retries included, and ends', async () => {
    const sample = start([], { ...inMemory, CRM_FAILURE_RATE: '0.05' });
    const accepted = await signUpAndInterrupt(sample);
    expect(await sample.exited).toBe(0);
    expect(accepted.length).toBeGreaterThanOrEqual(100 - clients.length);
    await expectHandled(accepted);
    const dead = sample.output.match(/dead-letter: /g)?.length ?? 0;
    expect((await data.recorded('crm')) + dead).toBeGreaterThanOrEqual(accepted.length);
  });
});

describe('kill -9', () => {
  it('keeps every accepted sign-up when the process is killed', async () => {
    const first = start([], { CRM_FAILURE_RATE: '1' });
    const url = await first.url();
    const traffic = Promise.all(clients.map((client) => signUpUntilRefused(url, `user-${client}`)));
    await waitFor(async () => (await readStats(url)).published >= 100, {
      message: '100 sign-ups',
      timeoutMs: 15_000,
    });
    await first.kill();
    const accepted = (await traffic).flat();
    expect(accepted.length).toBeGreaterThanOrEqual(100 - clients.length);

    const second = start([], { CRM_FAILURE_RATE: '0' });
    const again = await second.url();
    // Whose answer the kill cut off may have been signed up all the same: what was begun is finished, too.
    const allInCrm = async () => {
      await retryDeadLetters(again);
      const begun = Math.max(accepted.length, (await data.mailed()).length);
      return (await data.recorded('crm')) >= begun && (await data.recorded('analytics')) >= begun;
    };
    // What the killed process had in hand goes to the next one when its lease ends.
    await waitFor(allInCrm, { timeoutMs: 40_000, message: 'the CRM to have every sign-up' });
    await expectHandled(accepted);
  }, 60_000);
});

/** A file of as many sign-ups. */
async function people(count: number): Promise<string> {
  const path = join(data.path, 'people.csv');
  const rows = Array.from({ length: count }, (_, i) => `user-${i},"User, the ${i}th",user${i}@example.org\n`);
  await writeFile(path, `username,name,email\n${rows.join('')}`);
  return path;
}

let redis: TestServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

describe.each([
  ['in SQLite, unless told otherwise', () => ({})],
  [
    'in Redis',
    () => ({ EVENTS_BACKEND: 'redis', REDIS_URL: redis.url, EVENTS_NAMESPACE: `signup-${randomUUID()}` }),
  ],
])('%s', (_, environment) => {
  let durable: Record<string, string>;
  beforeEach(() => {
    durable = environment();
  });

  it('leaves what Ctrl-C interrupts to the next start', async () => {
    const first = start([], { ...durable, CRM_FAILURE_RATE: '1' });
    const accepted = await signUpAndInterrupt(first);
    expect(await first.exited).toBe(0);
    expect(await data.recorded('crm')).toBe(0);

    const second = start([], { ...durable, CRM_FAILURE_RATE: '0' });
    const url = await second.url();
    // Some may have used up their tries before Ctrl-C came: those wait as dead letters.
    const allInCrm = async () => {
      await retryDeadLetters(url);
      return (await data.recorded('crm')) >= accepted.length;
    };
    await waitFor(allInCrm, { timeoutMs: 15_000, message: 'the CRM to have every sign-up' });
    await expectHandled(accepted);
    second.interrupt();
    expect(await second.exited).toBe(0);
  }, 40_000);

  it('signs up a file and waits until all is handled', async () => {
    const path = join(packageRoot, 'sample/01-signup/signups.csv');
    const sample = start(['--file', path], { ...durable, CRM_FAILURE_RATE: '0.2' });
    await sample.exited;
    expect(sample.output).toContain('accepted      10, of which 10 are handled\n');
    expect(await data.mailed()).toHaveLength(10);
    expect(await data.recorded('analytics')).toBe(10);
  });

  it('leaves what an interrupted file has not finished to the next start', async () => {
    const first = start(['--file', await people(20_000)], { ...durable, CRM_FAILURE_RATE: '1' });
    await first.until(/[1-9]\d* read/);
    first.interrupt();
    expect(await first.exited).toBe(130);
    expect(first.output).toMatch(/\n[\d,]+ accepted sign-ups are stored, and handled by the next start\.\n/);
    const [, figure = ''] = /accepted +([\d,]+),/.exec(first.output) ?? [];
    const accepted = Number(figure.replaceAll(',', ''));

    const path = join(packageRoot, 'sample/01-signup/signups.jsonl');
    const second = start(['--file', path], { ...durable, CRM_FAILURE_RATE: '0' });
    expect(await second.exited).toBe(0);
    expect(await data.mailed()).toHaveLength(accepted + 3);
    expect(await data.recorded('analytics')).toBe(accepted + 3);
    const dead = Number(/dead letters +(\d+)/.exec(first.output)?.[1]);
    expect((await data.recorded('crm')) + dead).toBe(accepted + 3);
  }, 40_000);
});

/** Whose answer the interrupt cut off may have been signed up all the same. */
async function expectHandled(accepted: readonly string[]): Promise<void> {
  const mailed = await data.mailed();
  expect(mailed).toEqual(expect.arrayContaining([...accepted]));
  expect(await data.recorded('analytics')).toBe(mailed.length);
}

async function retryDeadLetters(url: string): Promise<void> {
  const { entries } = (await (await fetch(`${url}/dead-letters`)).json()) as { entries: { id: string }[] };
  for (const { id } of entries) {
    await fetch(`${url}/dead-letters/${encodeURIComponent(id)}/retry`, { method: 'POST' });
  }
}

describe('a file of sign-ups', () => {
  it('is signed up to the last line, more of them than the queue holds, with progress shown', async () => {
    const sample = start(['--file', await people(1500)], { ...inMemory, CRM_FAILURE_RATE: '0.01' });
    expect(await sample.exited).toBe(0);
    expect(sample.output).toMatch(/^ +\d+% {2}\d+ read, \d+ accepted, \d+ handled$/m);
    expect(sample.output).toContain('100%  1500 read, 1500 accepted, 1500 handled\n');
    expect(sample.output).toContain('accepted      1,500, of which 1,500 are handled\n');
    expect(await data.mailed()).toHaveLength(1500);
    expect(await data.recorded('analytics')).toBe(1500);
    expect(await data.recorded('crm')).toBe(1500);
  }, 60_000);

  it.each(['signups.csv', 'signups.jsonl'])('comes with the sample: %s', async (name) => {
    const sample = start(['--file', join(packageRoot, 'sample/01-signup', name)], { CRM_FAILURE_RATE: '0' });
    expect(await sample.exited).toBe(0);
    expect(sample.output).toMatch(/refused +0\n +invalid +0\n/);
  });

  it('may have lines with mistakes: each is named, and the exit code tells', async () => {
    const path = join(packageRoot, 'sample/01-signup/signups-with-mistakes.csv');
    const sample = start(['--file', path], { CRM_FAILURE_RATE: '0' });
    expect(await sample.exited).toBe(1);
    for (const line of [
      'line 3: It has 2 fields, but the first line names 3.',
      'line 4: username: Use 3 to 30 of a-z, 0-9, - and _; email: Give an e-mail address, such as ada@example.org.',
      'line 5: A quote stands inside a field',
      "line 6: The name 'lovelace' is taken.",
      'line 8: A quoted field is not closed before the file ends.',
      'crm for goedel: The CRM refuses kurt@refused.example.',
    ]) {
      expect(sample.output).toContain(`  ${line}`);
    }
    expect(await data.mailed()).toEqual(['goedel', 'lovelace']);
  });

  it('can be interrupted: what was read until then is handled', async () => {
    const sample = start(['--file', await people(20_000)], {
      ...inMemory,
      CRM_FAILURE_RATE: '0',
      CRM_LATENCY_MS: '20',
    });
    await sample.until(/[1-9]\d* handled/);
    sample.interrupt();
    expect(await sample.exited).toBe(130);
    const [, figure = ''] = /accepted +([\d,]+), of which \1 are handled/.exec(sample.output) ?? [];
    const accepted = Number(figure.replaceAll(',', ''));
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThan(20_000);
    expect(await data.mailed()).toHaveLength(accepted);
    expect(await data.recorded('analytics')).toBe(accepted);
    expect(await data.recorded('crm')).toBe(accepted);
  }, 40_000);
});

describe('a start that cannot work says why, with exit code 2', () => {
  it.each([
    ['no Redis', [], { EVENTS_BACKEND: 'redis' }, 'EVENTS_BACKEND=redis needs REDIS_URL'],
    [
      'an unknown backend',
      [],
      { EVENTS_BACKEND: 'rabbit' },
      "EVENTS_BACKEND must be 'sqlite', 'memory' or 'redis'.",
    ],
    ['a port that is none', [], { PORT: '99999' }, 'PORT must be 65535 or less.'],
    ['an unknown option', ['--fil', 'x'], {}, "Unknown option '--fil'"],
    [
      'a file that is not there',
      ['--file', '/nowhere/people.csv'],
      {},
      '/nowhere/people.csv cannot be read: ENOENT',
    ],
    ['a file of another kind', ['--file', 'people.xlsx'], {}, 'people.xlsx is neither .csv nor .jsonl'],
  ] as [string, string[], Record<string, string>, string][])('%s', async (_, args, environment, message) => {
    const sample = start(args, environment);
    expect(await sample.exited).toBe(2);
    expect(sample.output).toContain(message);
    expect(sample.output).not.toContain('    at ');
  });

  it('a port in use', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, resolve));
    const { port } = other.address() as AddressInfo;
    const sample = start([], { PORT: String(port) });
    expect(await sample.exited).toBe(2);
    expect(sample.output).toContain(`Port ${port} is in use. Choose another one, such as PORT=3001.`);
    other.close();
  });
});
