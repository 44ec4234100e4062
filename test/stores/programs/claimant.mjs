/*
 * Claims an event, begins to write in a transaction where there are any, says so, and hangs until it is killed. Uses the
 * package as it is built. Argument: JSON of { kind, options, leaseMs, effects }.
 */
import { PostgresInbox } from 'nestjs-durable-events/postgres';
import { RedisInbox } from 'nestjs-durable-events/redis';

const { kind, options, leaseMs, effects } = JSON.parse(process.argv[2]);
const inbox = kind === 'postgres' ? new PostgresInbox(options) : new RedisInbox(options);
const key = { eventId: '1', handlerId: 'mail' };

await inbox.open('orders');
const [claim] = await inbox.claim([key], 'victim', leaseMs);
const hang = () =>
  new Promise(() => {
    process.stdout.write(`${claim}\n`);
    setInterval(() => undefined, 1000);
  });
if (effects === undefined) await hang();
await inbox.transactions.run(key, 'victim', 60_000, async (client) => {
  await client.query(`INSERT INTO ${effects} VALUES ('half done')`);
  await hang();
});
