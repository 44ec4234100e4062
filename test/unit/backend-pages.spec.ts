import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { BACKENDS } from '../../sample/02-backends/src/backends.js';
import { packageRoot } from '../support/built-package.js';

const read = (file: string) => readFileSync(join(packageRoot, file), 'utf8');

const pages = readdirSync(join(packageRoot, 'docs/backends'))
  .map((file) => file.replace('.md', ''))
  .sort();

/** What every page answers, in this order. Whatever else is peculiar to a backend comes after it. */
const QUESTIONS = [
  'Delivery',
  'When is an event safe?',
  'Events before the first consumer',
  'Order',
  'Order of a `key`',
  'Retries',
  'Delays',
  'Deduplication',
  'Your transaction',
  'Dead letters',
  'A handler that takes long',
  'A process that dies',
  'A process that was stopped',
  'A process that shuts down',
  'An event that kills its process',
  'Broadcast handlers',
  'Processes',
];

/** Which answer says whether a backend has a capability. */
const SAYS = {
  durable: 'When is an event safe?',
  ordering: 'Order of a `key`',
  delay: 'Delays',
  dedup: 'Deduplication',
  transactions: 'Your transaction',
  broadcast: 'Broadcast handlers',
} as const;

/** Answer by question. */
function answersOf(page: string): Map<string, string> {
  const [, table = ''] = /^\| Question .*\n\|.*\n((?:\|.*\n)+)/m.exec(read(`docs/backends/${page}.md`)) ?? [];
  const rows = table
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('|').map((cell) => cell.trim()));
  return new Map(rows.map(([, question, answer]) => [question!, answer!]));
}

describe.each(pages)('the page of %s', (page) => {
  it('answers what every page answers, in the same order', () => {
    expect([...answersOf(page).keys()].slice(0, QUESTIONS.length)).toEqual(QUESTIONS);
  });

  it('is in the list of all documents, and in the README', () => {
    expect(read('docs/README.md')).toContain(`](backends/${page}.md)`);
    expect(read('README.md')).toContain(`](docs/backends/${page}.md)`);
  });
});

const declaring = Object.entries(BACKENDS).filter(([name]) => pages.includes(name));

describe.each(declaring)('the page of %s', (page, choice) => {
  it('says what the backend declares', async () => {
    const backend = choice.server
      ? choice.make({ connection: choice.server.url, namespace: 'events' })
      : choice.make({ source: 'http', dataDir: tmpdir() });
    await backend.close();
    const answers = answersOf(page);
    const said = Object.entries(SAYS).map(([capability, question]) => [
      capability,
      !/^\*\*No\*\*|^Never\b/.test(answers.get(question) ?? ''),
    ]);
    const declared = Object.keys(SAYS).map((capability) => [
      capability,
      backend.capabilities?.[capability as keyof typeof SAYS] === true,
    ]);
    expect(Object.fromEntries(said)).toEqual(Object.fromEntries(declared));
  });
});
