import { setTimeout } from 'node:timers/promises';
import Database from 'libsql';
import type { Payload } from '../payload.js';
import type { Transport } from '../transport.js';
import { fileOf, POLL_MS, removeFile } from './file.js';

const COUNT = 100;

function open(file: string): Database.Database {
  const database = new Database(file, { timeout: 10_000 });
  database.exec('PRAGMA journal_mode = WAL');
  database.exec('PRAGMA synchronous = NORMAL');
  return database;
}

/** What one would write by hand: a row for each payload, and a loop that takes a hundred out at a time. */
export const rawSqlite: Transport = {
  prepare: async (link) => {
    const database = open(fileOf(link));
    database.exec('CREATE TABLE events (id INTEGER PRIMARY KEY, payload TEXT NOT NULL)');
    database.close();
  },
  produce: async (link) => {
    const database = open(fileOf(link));
    const insert = database.prepare('INSERT INTO events (payload) VALUES (?)');
    return {
      send: async (payload) => insert.run(JSON.stringify(payload)),
      close: async () => void database.close(),
    };
  },
  consume: async (link, handle) => {
    const database = open(fileOf(link));
    const take = database.prepare(
      `DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT ${COUNT}) RETURNING payload`,
    );
    let closing = false;
    const loop = async (): Promise<void> => {
      while (!closing) {
        const rows = take.all() as { payload: string }[];
        for (const { payload } of rows) void handle(JSON.parse(payload) as Payload);
        // Others in the process want a turn, too.
        await setTimeout(rows.length === 0 ? POLL_MS : 0);
      }
    };
    const ended = loop();
    return {
      close: async () => {
        closing = true;
        await ended;
        database.close();
      },
    };
  },
  remove: removeFile,
};
