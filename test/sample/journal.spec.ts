import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { createWhole } from '../../sample/01-signup/src/storage/files.js';
import { Journal } from '../../sample/01-signup/src/storage/journal.js';

let folder: string;
let path: string;
let journal: Journal<{ id: string; n: number }>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'journal-'));
  path = join(folder, 'deep/journal.jsonl');
  journal = new Journal(path);
  await journal.open();
});
afterEach(() => rm(folder, { recursive: true }));

it('counts an id once, however often and by whomever it is written', async () => {
  expect(await journal.entries()).toEqual(new Map());
  const other = new Journal<{ id: string; n: number }>(path);
  await Promise.all([
    journal.append({ id: 'a', n: 1 }),
    other.append({ id: 'b', n: 2 }),
    other.append({ id: 'a', n: 1 }),
  ]);
  await other.open();
  expect(new Set((await journal.entries()).keys())).toEqual(new Set(['a', 'b']));
});

it('loses neither the line before nor the line after one that a crash cut short', async () => {
  await journal.append({ id: 'a', n: 1 });
  await appendFile(path, '\n{"id":"b","n');
  await journal.append({ id: 'c', n: 3 });
  expect([...(await journal.entries()).keys()]).toEqual(['a', 'c']);
});

it('lets one of many create a file', async () => {
  const file = join(folder, 'ada.json');
  const created = await Promise.all(Array.from({ length: 50 }, (_, i) => createWhole(file, String(i))));
  expect(created.filter(Boolean)).toHaveLength(1);
});
