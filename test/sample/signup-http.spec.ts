import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventBus, MemoryBackend, QueueFullError } from 'nestjs-durable-events';
import { AppModule } from '../../sample/01-signup/src/app.module.js';
import { CrmClient } from '../../sample/01-signup/src/crm/crm.client.js';
import { readSettings, type Settings } from '../../sample/01-signup/src/settings.js';
import { SignupService } from '../../sample/01-signup/src/signup/signup.service.js';
import { waitFor } from '../support/wait-for.js';

let app: INestApplication;
let url: string;
let settings: { -readonly [K in keyof Settings]: Settings[K] };

beforeEach(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'signup-'));
  settings = readSettings({ PORT: '0', CRM_FAILURE_RATE: '0', CRM_LATENCY_MS: '0' }, dataDir);
  settings.signupsPerMinute = 1000;
  app = await NestFactory.create(AppModule.with(settings, new MemoryBackend({ overflow: 'reject' })), {
    logger: false,
    abortOnError: false,
  });
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
});

afterEach(async () => {
  await app.close();
  await rm(settings.dataDir, { recursive: true });
});

async function call(method: string, path: string, body?: unknown) {
  const response = await fetch(url + path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON of any shape
  return { status: response.status, body: (await response.json()) as any };
}

const ada = { username: 'ada', name: 'Ada Lovelace', email: 'ada@example.org' };
const signUp = (signup: object) => call('POST', '/signup', signup);

/** Keeps the CRM from answering until the function that it returns is called. */
function holdCrm(): () => void {
  const crm = app.get(CrmClient);
  const addContact = crm.addContact.bind(crm);
  let release!: () => void;
  const released = new Promise<void>((resolve) => (release = resolve));
  crm.addContact = async (contact, signal) => {
    await released;
    return addContact(contact, signal);
  };
  return release;
}

describe('POST /signup', () => {
  it('is followed by a mail, a count and a contact in the CRM', async () => {
    const { status, body } = await signUp(ada);
    expect(status).toBe(202);
    await app.get(EventBus).idle({ timeoutMs: 5000 });
    const eml = await readFile(join(settings.dataDir, 'outbox/ada.eml'), 'utf8');
    expect(eml).toContain('To: "Ada Lovelace" <ada@example.org>\r\n');
    expect((await call('GET', '/signups')).body).toEqual({
      accounts: 1,
      mails: 1,
      analytics: { total: 1, byDomain: { 'example.org': 1 } },
      crmContacts: 1,
      latest: [
        {
          id: body.id,
          username: 'ada',
          createdAt: expect.any(String),
          mail: true,
          counted: true,
          inCrm: true,
        },
      ],
    });
  });

  it('answers 400 with every bad field', async () => {
    const { status, body } = await signUp({ username: 'A', name: 'a\nBcc: b@example.org', email: 'nowhere' });
    expect(status).toBe(400);
    expect(body.issues.map(({ path }: { path: string }) => path)).toEqual(['username', 'name', 'email']);
    expect((await signUp({})).body.issues).toEqual([
      { path: 'username', message: 'Choose a name to sign in with' },
      { path: 'name', message: 'Say how to address you' },
      { path: 'email', message: 'Give an e-mail address, such as ada@example.org' },
    ]);
    expect((await signUp([])).body.issues).toEqual([
      { path: '', message: 'Send an object with username, name and email' },
    ]);
    expect((await call('GET', '/signups')).body.accounts).toBe(0);
  });

  it('answers 409 to all but the first who want a name', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => signUp(ada)));
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([
      202,
      ...Array.from({ length: 19 }, () => 409),
    ]);
    expect(answers.find(({ status }) => status === 409)!.body.message).toBe(
      "The name 'ada' is taken. Choose another one.",
    );
  });

  it('answers 429 beyond the limit of a client, and keeps the name free', async () => {
    settings.signupsPerMinute = 2;
    // A minute may begin between two requests: one of three in a row is always refused, or one of the next three.
    const answers: number[] = [];
    for (let i = 0; i < 6 && !answers.includes(429); i++)
      answers.push((await signUp({ ...ada, username: `ada-${i}` })).status);
    expect(answers.at(-1)).toBe(429);
    settings.signupsPerMinute = 1000;
    expect((await signUp({ ...ada, username: `ada-${answers.length - 1}` })).status).toBe(202);
  });

  it('answers 503 while the queue is full, and keeps the name free', async () => {
    const release = holdCrm(); // holds the 10 workers, so that the queue of 1000 fills up
    const service = app.get(SignupService);
    const accepts = Array.from({ length: 1011 }, (_, i) => service.accept({ ...ada, username: `user-${i}` }));
    const refused = (await Promise.allSettled(accepts)).filter((result) => result.status === 'rejected');
    expect(refused.map(({ reason }) => reason)).toEqual([expect.any(QueueFullError)]);
    expect((await signUp(ada)).status).toBe(503);
    release();
    await app.get(EventBus).idle({ timeoutMs: 15_000 });
    expect((await signUp(ada)).status).toBe(202);
    await app.get(EventBus).idle({ timeoutMs: 5000 });
    const { body } = await call('GET', '/signups');
    expect(body).toMatchObject({
      accounts: 1011,
      mails: 1011,
      analytics: { total: 1011 },
      crmContacts: 1011,
    });
  });
});

it('calls the CRM again when it was down, and nothing else', async () => {
  settings.crmFailureRate = 1;
  await signUp(ada);
  await waitFor(async () => (await call('GET', '/events/stats')).body.retried >= 1, {
    message: 'a failed call',
  });
  settings.crmFailureRate = 0;
  await app.get(EventBus).idle({ timeoutMs: 5000 });
  expect((await call('GET', '/signups')).body.latest[0].inCrm).toBe(true);
  expect((await call('GET', '/events/stats')).body).toMatchObject({
    published: 1,
    handled: 3,
    deadLettered: 0,
  });
});

it('shows health', async () => {
  expect(await call('GET', '/events/health')).toMatchObject({
    status: 200,
    body: { status: 'up', state: 'started', backend: 'memory' },
  });
});

it('answers 400 to a place in the dead letters that is none', async () => {
  const { status, body } = await call('GET', '/dead-letters?limit=0');
  expect(status).toBe(400);
  expect(body.message).toContain('limit');
  expect((await call('GET', '/dead-letters?cursor=x')).status).toBe(400);
});

describe('a contact that the CRM refuses', () => {
  let id: string;
  beforeEach(async () => {
    await signUp({ ...ada, email: 'ada@refused.example' });
    await app.get(EventBus).idle({ timeoutMs: 5000 });
    const { entries } = (await call('GET', '/dead-letters?handlerId=crm')).body;
    id = encodeURIComponent(entries[0].id);
  });

  it('is a dead letter at once, because another try would be in vain', async () => {
    const { entries } = (await call('GET', '/dead-letters')).body;
    expect(entries).toMatchObject([
      { handlerId: 'crm', status: 'dead', event: { type: 'after:signup', data: { username: 'ada' } } },
    ]);
    expect(entries[0].attempts).toHaveLength(1);
  });

  it('can be retried', async () => {
    expect((await call('POST', `/dead-letters/${id}/retry`)).status).toBe(202);
    await app.get(EventBus).idle({ timeoutMs: 5000 });
    const [entry] = (await call('GET', '/dead-letters')).body.entries;
    expect(entry.attempts).toHaveLength(2);
    expect((await call('GET', '/signups')).body.analytics.total).toBe(1);
  });

  it('can be given up, once', async () => {
    expect(await call('DELETE', `/dead-letters/${id}?reason=spam`)).toMatchObject({
      status: 200,
      body: { count: 1 },
    });
    expect((await call('GET', '/dead-letters')).body.entries).toEqual([]);
    expect((await call('POST', `/dead-letters/${id}/retry`)).status).toBe(409);
    expect((await call('DELETE', '/dead-letters/unheard-of')).status).toBe(404);
  });
});
