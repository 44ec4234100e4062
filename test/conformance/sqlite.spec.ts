import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { SqliteBackend } from 'nestjs-durable-events/sqlite';
import { describeBackend } from 'nestjs-durable-events/testing';
import { Database } from '../../lib/backends/sqlite/database.js';
import { openDriver } from '../../lib/backends/sqlite/driver.js';
import { forkProgram } from '../support/fork-program.js';
import { concurrency, fileOf, leaseMs, maxEventBytes, sqlite } from './sqlite.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const program = join(import.meta.dirname, 'programs/sqlite.ts');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sqlite-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A connection of its own, as another process has one. */
async function open(namespace: string): Promise<Database> {
  const database = new Database(fileOf(folder, namespace), 'NORMAL', 5000);
  await database.open();
  return database;
}

async function withFile(namespace: string, work: (database: Database) => unknown): Promise<void> {
  const database = await open(namespace);
  try {
    await database.transaction(() => work(database));
  } finally {
    database.close();
  }
}

/** Keeps every other connection from writing, as a program does that has come to a halt in a transaction. */
async function lock(namespace: string): Promise<() => Promise<void>> {
  const deadline = Date.now() + 5000;
  const database = await open(namespace);
  for (;;) {
    try {
      database.exec('BEGIN IMMEDIATE');
      return async () => database.close();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

describeBackend(
  sqlite(() => folder),
  {
    durable: true,
    delay: true,
    ordering: true,
    redelivery: true,
    shared: true,
    dedup: true,
    cancel: true,
    maxEventBytes,
  },
  {
    name: 'SqliteBackend',
    concurrency,
    leaseMs,
    fork: () => forkProgram(program, { CONFORMANCE_FOLDER: folder }),
    outage: ({ namespace }) => lock(namespace),
    borrow: async ({ namespace, group }) => {
      const driver = await openDriver(fileOf(folder, namespace));
      return {
        backend: new SqliteBackend({ connection: driver, group }),
        use: async () => driver.prepare('SELECT 1').all(),
        dispose: () => driver.close(),
      };
    },
    corrupt: ({ namespace, group }, text) =>
      withFile(namespace, (database) =>
        database.run(
          `INSERT INTO "events_deliveries" (grp, event_id, state, ready_at, event) VALUES (?, 'x', 0, 0, ?)`,
          group,
          text,
        ),
      ),
  },
);
