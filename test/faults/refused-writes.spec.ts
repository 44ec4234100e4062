import { expect, it } from '@jest/globals';
import { Client } from 'pg';
import { waitFor } from '../support/wait-for.js';
import { POSTGRES } from './brokers/servers.js';

POSTGRES.describe('a PostgreSQL that refuses writes', () => {
  it('refuses those of sessions that were open before, and takes them again', async () => {
    const server = await POSTGRES.start();
    const client = new Client({ connectionString: server.url });
    try {
      await client.connect();
      await client.query('CREATE TABLE written (n integer)');
      /** What became of a write: nothing when it was taken. */
      const refusal = () =>
        client.query('INSERT INTO written VALUES (1)').then(
          () => '',
          (error: Error) => error.message,
        );
      expect(await refusal()).toBe('');
      const takeWrites = await POSTGRES.refuseWrites!(server.url);
      // Each session is told, and looks before its next statement.
      const message = await waitFor(refusal, { message: 'a refusal' });
      expect(message).toBe('cannot execute INSERT in a read-only transaction');
      await takeWrites();
      await waitFor(async () => (await refusal()) === '', { message: 'a write to be taken' });
    } finally {
      await client.end();
      await server.stop();
    }
  }, 60_000);
});
