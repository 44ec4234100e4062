import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { describeWithOwnPostgres, startPostgres } from './postgres.js';
import type { TestServer } from './private-server.js';

describeWithOwnPostgres('a private PostgreSQL', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.stop());

  /** Something on a connection of its own. */
  async function withClient<T>(use: (client: Client) => Promise<T>): Promise<T> {
    const client = new Client({ connectionString: server.url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await use(client);
    } finally {
      await client.end();
    }
  }

  it('keeps what it confirmed over kill -9, with connections open', async () => {
    await withClient(async (client) => {
      await client.query(`CREATE TABLE kept AS SELECT 'yes' AS answer`);
      const before = server.pid;
      await server.kill9();
      expect(server.pid).toBeUndefined();
      await expect(withClient((client) => client.query('SELECT 1'))).rejects.toThrow('ECONNREFUSED');
      await server.restart();
      expect(server.pid).not.toBe(before);
    });
    const { rows } = await withClient((client) => client.query('SELECT answer FROM kept'));
    expect(rows).toEqual([{ answer: 'yes' }]);
  });

  it('answers nothing while paused, not even on connections that are open, and everything afterwards', async () => {
    await withClient(async (client) => {
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await server.pause();
      for (const pid of [server.pid!, rows[0]!.pid]) {
        expect(execFileSync('ps', ['-o', 'stat=', '-p', String(pid)]).toString()).toMatch(/^T/);
      }
      const answer = client.query('SELECT 1 AS one');
      await server.resume();
      expect((await answer).rows).toEqual([{ one: 1 }]);
    });
  });

  it('leaves neither process nor folder', async () => {
    const other = await startPostgres();
    const { pid, dir } = other;
    await other.pause();
    await other.stop();
    expect(existsSync(dir)).toBe(false);
    expect(() => process.kill(pid!, 0)).toThrow('ESRCH');
  }, 60_000);

  it('says what the server wrote when it cannot start', async () => {
    await expect(startPostgres({ port: server.port })).rejects.toThrow('Address already in use');
    await expect(startPostgres({ settings: { no_such_setting: 1 } })).rejects.toThrow('no_such_setting');
  }, 60_000);
});
