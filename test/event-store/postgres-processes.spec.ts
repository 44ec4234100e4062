import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createEvent } from 'nestjs-durable-events';
import { PostgresEventStore } from 'nestjs-durable-events/postgres';
import type { StoredEvent } from 'nestjs-durable-events/store';
import { usePostgres } from '../stores/use-postgres.js';
import { forkProgram } from '../support/fork-program.js';
import { waitFor } from '../support/wait-for.js';

/** For processes on a machine that has more to do. */
const PATIENCE_MS = 180_000;
const postgres = usePostgres({ synchronous_commit: 'off' });

/** A process, and what it said. */
class Program {
  readonly said: unknown[] = [];
  readonly #child: ChildProcess;
  #errors = '';
  #gone = false;

  constructor(name: string, settings: object) {
    const path = join(import.meta.dirname, 'programs', `${name}.ts`);
    this.#child = forkProgram(path, { SETTINGS: JSON.stringify(settings) });
    this.#child.stderr!.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()));
    this.#child.on('message', (message) => this.said.push(message));
    this.#child.on('exit', () => (this.#gone = true));
  }

  tell(message: string): void {
    this.#child.send(message);
  }

  async says(what: string, condition: (said: readonly unknown[]) => boolean): Promise<void> {
    const met = () => {
      if (this.#gone && !condition(this.said)) throw new Error(`It ended before ${what}. ${this.#errors}`);
      return condition(this.said);
    };
    await waitFor(met, { timeoutMs: PATIENCE_MS, message: what });
  }

  async kill(): Promise<void> {
    if (this.#gone) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}

describe('Processes that append to a PostgresEventStore', () => {
  let store: PostgresEventStore;
  let options: { connection: object; schema: string; table: string };
  let programs: Program[];

  beforeEach(async () => {
    programs = [];
    const connection = { connectionString: postgres.url, max: 4 };
    options = { connection, schema: postgres.schema, table: `p_${randomUUID().slice(0, 8)}` };
    store = new PostgresEventStore(options);
    await store.open();
  });
  afterEach(async () => {
    await Promise.all(programs.map((program) => program.kill()));
    await store.close();
  });

  async function start(name: string, settings: object): Promise<Program> {
    const program = new Program(name, { options, ...settings });
    programs.push(program);
    await program.says('it was ready', (said) => said.includes('ready'));
    return program;
  }

  const confirmedBy = (program: Program): string[] =>
    program.said.flatMap((message) => (message as { confirmed?: string }).confirmed ?? []);

  /** Everything there is, when nothing can hide any of it. */
  async function everything(): Promise<StoredEvent[]> {
    const [{ position }] = [await store.append(createEvent('end', 0))];
    const done = async () => ((await store.head()) ?? '') >= position!;
    await waitFor(done, { timeoutMs: PATIENCE_MS, message: 'all transactions to be over' });
    return (await store.query().toArray()).filter(({ type }) => type === 'part');
  }

  /** Batches whole, streams without holes and in their order. */
  function expectWhole(events: readonly StoredEvent[]): Map<string, number> {
    const batches = new Map<string, number>();
    const versions = new Map<string, number>();
    for (const { correlationId, data, streamId, streamVersion } of events) {
      const { n } = data as { n: number };
      expect([correlationId, n]).toEqual([correlationId, batches.get(correlationId) ?? 0]);
      batches.set(correlationId, n + 1);
      if (streamId === undefined) continue;
      expect([streamId, streamVersion]).toEqual([streamId, (versions.get(streamId) ?? 0) + 1]);
      versions.set(streamId, streamVersion!);
    }
    for (const { correlationId, data } of events) {
      const { of } = data as { of: number };
      expect([correlationId, batches.get(correlationId)]).toEqual([correlationId, of]);
    }
    return batches;
  }

  it('in transactions that commit late: every reader sees every event once, in one order', async () => {
    const readers = [await start('reader', {}), await start('reader', {}), await start('reader', {})];
    const appenders = await Promise.all(
      ['a', 'b', 'c'].map((name) => start('late-appender', { name, batches: 25 })),
    );
    for (const each of appenders) await each.says('it was done', (said) => said.includes('done'));

    const events = await everything();
    const batches = expectWhole(events);
    const confirmed = appenders.flatMap(confirmedBy);
    expect([...batches.keys()].sort()).toEqual(confirmed.sort());
    expect(confirmed.length).toBeGreaterThan(100);

    const end = events.at(-1)!;
    for (const reader of readers) reader.tell(end.position);
    const ids = events.map(({ id }) => id);
    for (const reader of readers) {
      await reader.says('it had seen all', (said) => said.length === 2);
      const { seen } = reader.said[1] as { seen: string[] };
      expect(seen.slice(0, ids.length)).toEqual(ids);
    }
  }, 400_000);

  it('and are killed while they do: each batch is there whole or not at all, and whole if confirmed', async () => {
    const confirmed: string[] = [];
    for (let round = 0; round < 4; round++) {
      const appender = await start('late-appender', { name: `r${round}` });
      const enough = 3 + round * 7;
      await appender.says('some were appended', () => confirmedBy(appender).length >= enough);
      await appender.kill();
      confirmed.push(...confirmedBy(appender));
    }
    const batches = expectWhole(await everything());
    for (const batch of confirmed) expect(batches.has(batch)).toBe(true);
  }, 400_000);
});
