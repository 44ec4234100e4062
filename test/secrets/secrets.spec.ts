import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { freePort } from '../support/free-port.js';
import { describeWithOwnNats, startNats } from '../support/services/nats.js';
import { startPostgres } from '../support/services/postgres.js';
import type { TestServer } from '../support/services/private-server.js';
import { startRabbitMQ } from '../support/services/rabbitmq.js';
import { describeWithOwnRedis, startRedis } from '../support/services/redis.js';
import { disclosedBy } from './disclosures.js';
import { USERS } from './users.js';

/*
 * A password in a URL is nobody's business but the server's: it is in no log, no report, no error and nothing that an
 * error carries, whatever goes wrong.
 */

const PASSWORD = 'Xy7-not-to-be-shown';
/** What has a secret in it may be shown in the form in which it travels, too. */
const FORMS = [PASSWORD, Buffer.from(PASSWORD).toString('base64'), Buffer.from(PASSWORD).toString('hex')];

const everyUser = Object.entries(USERS).flatMap(([scheme, users]) =>
  Object.entries(users).map(([name, make]) => ({ name, scheme, make })),
);

describe('a password is not shown', () => {
  it.each(everyUser)('by $name, when nothing is where the URL says', async ({ scheme, make }) => {
    const url = `${scheme}://app:${PASSWORD}@127.0.0.1:${await freePort()}`;
    const { failed, text } = await disclosedBy(() => make(url));
    expect(failed).toBe(true);
    expect(FORMS.filter((form) => text.includes(form))).toEqual([]);
  });

  const malformed = [
    '://app:PASSWORD@[',
    '://app:PASSWORD@127.0.0.1:port',
    's+other://app:PASSWORD@127.0.0.1:1',
  ];
  const given = everyUser.filter(({ name }) => !name.startsWith('MicroservicesBackend'));
  it.each(given.flatMap((user) => malformed.map((rest) => ({ ...user, rest: user.scheme + rest }))))(
    'by $name, when it is in something that is no URL of theirs: $rest',
    async ({ rest, make }) => {
      const { text } = await disclosedBy(() => make(rest.replace('PASSWORD', PASSWORD)));
      expect(FORMS.filter((form) => text.includes(form))).toEqual([]);
    },
  );
});

/** The users of a scheme, at a server that does not let them in. */
function refusedAt(scheme: string, start: () => Promise<TestServer>): void {
  let server: TestServer;
  beforeAll(async () => {
    server = await start();
  }, 90_000);
  afterAll(() => server?.stop());

  it.each(Object.entries(USERS[scheme]!))('by %s', async (_, make) => {
    const url = new URL(server.url);
    url.username = 'app';
    url.password = PASSWORD;
    const { failed, text } = await disclosedBy(() => make(url.href));
    expect(failed).toBe(true);
    expect(FORMS.filter((form) => text.includes(form))).toEqual([]);
  });
}

describeWithOwnRedis('a password that Redis refuses is not shown', () => {
  refusedAt('redis', async () => {
    const server = await startRedis();
    const client = new Redis(server.url);
    await client.acl('SETUSER', 'app', 'on', '>another');
    await client.quit();
    return server;
  });
});

describeWithOwnNats('a password that NATS refuses is not shown', () => {
  refusedAt('nats', () => startNats({ config: 'authorization { user: app, password: another }' }));
});

describe('a password of somebody whom PostgreSQL does not know is not shown', () => {
  refusedAt('postgresql', startPostgres);
});

describe('a password that RabbitMQ refuses is not shown', () => {
  refusedAt('amqp', startRabbitMQ);
});
