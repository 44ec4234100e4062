import { Batcher } from '../../batcher.js';
import type { Database, Row } from '../../clients/postgres/connection.js';
import { fromText } from '../../clients/postgres/text.js';
import { toError } from '../../dispatch/failure.js';
import { EventConfigurationError, EventSerializationError, StreamConflictError } from '../../errors.js';
import type { SqlClient } from '../../sql-client.js';
import type { AppendResult, ExpectedVersion } from '../event-store.js';
import type { Publication } from '../stored-event.js';
import { WRITTEN } from './row.js';
import { BAD_DATA, hasSqlState, UNIQUE_VIOLATION } from './sql-state.js';
import type { eventStoreStatements } from './statements.js';

/** What one call of `appendBatch` asks for. */
export interface AppendCall {
  /** The values of {@link WRITTEN} of each event. */
  readonly rows: readonly (readonly (string | number | null)[])[];
  readonly streamId: string | undefined;
  readonly expectedVersion: ExpectedVersion;
  readonly publication: Publication | undefined;
}

type Outcome = AppendResult[] | Error;

/** Calls in one statement at most, and what each may bring to be among them. */
const CALLS = 100;
const SMALL_EVENTS = 10;
const SMALL_LENGTH = 16_384;
/** Every time somebody else was faster has brought somebody else forward. */
const ATTEMPTS = 100;
const ANY_VERSION = Number.MAX_SAFE_INTEGER;
const DATA = WRITTEN.findIndex(([name]) => name === 'data');

/** Appends to the tables: what is asked for at the same time, in one statement. */
export class Appends {
  readonly #together = new Batcher<AppendCall, AppendResult[]>((calls) => this.#run(calls), CALLS);
  /** Appends in a transaction of the caller come one after the other: each has a savepoint. */
  readonly #queues = new WeakMap<SqlClient, Promise<unknown>>();
  #savepoints = 0;

  /** @param channel To tell others on; `null` for nobody. */
  constructor(
    private readonly db: Database,
    private readonly sql: ReturnType<typeof eventStoreStatements>,
    private readonly channel: string | null,
  ) {}

  async append(call: AppendCall): Promise<AppendResult[]> {
    if (isSmall(call)) return this.#together.add(call);
    const [outcome] = await this.#run([call]);
    if (outcome instanceof Error) throw outcome;
    return outcome!;
  }

  /** Appends as part of a transaction, which goes on whatever comes of it. */
  appendIn(client: SqlClient, call: AppendCall): Promise<AppendResult[]> {
    const append = () => this.#appendIn(client, call);
    const result = (this.#queues.get(client) ?? Promise.resolve()).then(append, append);
    this.#queues.set(client, result);
    return result;
  }

  /** Resolves when nothing is under way any more that was asked for without a transaction. */
  flushed(): Promise<void> {
    return this.#together.flushed();
  }

  /** Counts from higher up where the rows came from another cluster. */
  async raiseBase(): Promise<void> {
    const [row] = await this.db.query(this.sql.moved);
    if (row === undefined) throw noBase();
    if (row['moved']) await this.db.query(this.sql.raise);
  }

  async #run(calls: readonly AppendCall[]): Promise<Outcome[]> {
    const outcomes = new Map<AppendCall, Outcome>();
    for (let left = calls; left.length > 0;) {
      const now = independent(left);
      const results = await this.#insertEach(now);
      now.forEach((call, i) => outcomes.set(call, results[i]!));
      left = left.filter((call) => !outcomes.has(call));
    }
    return calls.map((call) => outcomes.get(call)!);
  }

  /** What is wrong with one must not be the others' trouble. */
  async #insertEach(calls: readonly AppendCall[]): Promise<Outcome[]> {
    try {
      return await this.#insert((text, values) => this.db.query(text, values), calls);
    } catch (error) {
      if (!hasSqlState(error, BAD_DATA)) return calls.map(() => toError(error));
      if (calls.length === 1) return [refusedByServer(error)];
    }
    const outcomes: Outcome[] = [];
    for (const call of calls) outcomes.push(...(await this.#insertEach([call])));
    return outcomes;
  }

  async #appendIn(client: SqlClient, call: AppendCall): Promise<AppendResult[]> {
    const savepoint = `nestjs_durable_events_${++this.#savepoints}`;
    const query = async (text: string, values: readonly unknown[]) => {
      await client.query(`SAVEPOINT ${savepoint}`);
      try {
        const { rows } = await client.query(text, values);
        await client.query(`RELEASE SAVEPOINT ${savepoint}`);
        return rows as readonly Row[];
      } catch (error) {
        // When the connection is gone, the first error is the one to tell.
        await client.query(`ROLLBACK TO SAVEPOINT ${savepoint}`).catch(() => undefined);
        throw error;
      }
    };
    try {
      const [outcome] = await this.#insert(query, [call]);
      if (outcome instanceof Error) throw outcome;
      return outcome!;
    } catch (error) {
      throw hasSqlState(error, BAD_DATA) ? refusedByServer(error) : error;
    }
  }

  /** Until nobody else was faster. */
  async #insert(
    query: (text: string, values: readonly unknown[]) => Promise<readonly Row[]>,
    calls: readonly AppendCall[],
  ): Promise<Outcome[]> {
    const values = valuesOf(calls, this.channel);
    for (let attempt = 1; ; attempt++) {
      try {
        const rows = await query(this.sql.append, values);
        if (rows.length === 0) throw noBase();
        if (!rows[0]!['moved']) return outcomesOf(calls, rows);
        if (attempt === ATTEMPTS) throw stillMoved();
        await this.raiseBase();
      } catch (error) {
        if (attempt === ATTEMPTS || !hasSqlState(error, UNIQUE_VIOLATION)) throw error;
      }
    }
  }
}

function isSmall({ rows }: AppendCall): boolean {
  if (rows.length > SMALL_EVENTS) return false;
  return rows.reduce((length, row) => length + String(row[DATA]).length, 0) <= SMALL_LENGTH;
}

/** The first calls that one statement can do: those that need to see what became of another one come later. */
function independent(calls: readonly AppendCall[]): AppendCall[] {
  const ids = new Set<unknown>();
  const streams = new Map<string, boolean>();
  return calls.filter(({ rows, streamId, expectedVersion }) => {
    const free = expectedVersion === 'any';
    const others = streamId === undefined ? undefined : streams.get(streamId);
    if (streamId !== undefined) streams.set(streamId, free && others !== false);
    if (others === false || (others === true && !free)) return false;
    const own = new Set(rows.map(([id]) => id));
    const isNew = [...own].every((id) => !ids.has(id));
    for (const id of own) ids.add(id);
    if (!isNew && streamId !== undefined) streams.set(streamId, false);
    return isNew;
  });
}

function valuesOf(calls: readonly AppendCall[], channel: string | null): unknown[] {
  const rows = calls.flatMap((call) => call.rows);
  const bounds = calls.map(({ expectedVersion }) => boundsOf(expectedVersion));
  return [
    ...WRITTEN.map((_, column) => rows.map((row) => row[column])),
    calls.flatMap((call, i) => call.rows.map(() => i + 1)),
    calls.map(({ streamId }) => streamId ?? null),
    bounds.map(([least]) => least),
    bounds.map(([, most]) => most),
    calls.map(({ publication }) => publication ?? null),
    channel,
  ];
}

function boundsOf(expected: ExpectedVersion): readonly [least: number, most: number] {
  if (typeof expected === 'number') return [expected, expected];
  if (expected === 'no-stream') return [0, 0];
  return [expected === 'exists' ? 1 : 0, ANY_VERSION];
}

function outcomesOf(calls: readonly AppendCall[], rows: readonly Row[]): Outcome[] {
  let next = 0;
  return calls.map((call) => {
    const own = rows.slice(next, (next += call.rows.length));
    const refused = own.find(({ place }) => place === null);
    if (refused !== undefined) {
      const actual = Number(refused['actual']);
      return new StreamConflictError(fromText(call.streamId!), call.expectedVersion, actual);
    }
    const seen = new Set<unknown>();
    return own.map(({ had, place, stream_version: version }, i) => {
      const [storedId] = call.rows[i]!;
      const isNew = !had && !seen.has(storedId);
      seen.add(storedId);
      return {
        id: fromText(storedId as string),
        position: place as string,
        ...(version !== null && { streamVersion: Number(version) }),
        ...(!isNew && { duplicate: true }),
      };
    });
  });
}

function refusedByServer(error: unknown): EventSerializationError {
  return new EventSerializationError(
    `PostgreSQL does not take an event as it is: ${toError(error).message}. Nothing of its append was stored.`,
    { cause: error },
  );
}

function noBase(): EventConfigurationError {
  return new EventConfigurationError(
    `The table of PostgresEventStore that ends in '_base' is empty. It has one row; restore it together with the table of events.`,
  );
}

function stillMoved(): EventConfigurationError {
  return new EventConfigurationError(
    'PostgresEventStore could not raise the base of its positions. Open the store outside of a transaction once.',
  );
}
