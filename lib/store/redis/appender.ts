import { Batcher } from '../../batcher.js';
import type { RedisConnection } from '../../clients/redis/connection.js';
import type { TimedCalls } from '../../clients/redis/timed-calls.js';
import { EventConfigurationError, StreamConflictError } from '../../errors.js';
import type { Event } from '../../event.js';
import { encodeEvent } from '../../wire/cloud-events.js';
import type { AppendOptions, AppendResult, ExpectedVersion } from '../event-store.js';
import { checkAppend } from '../expected-version.js';
import type { StoreKeys } from './keys.js';
import { USER } from './options.js';
import { APPEND } from './scripts/append.js';

/** Events of one batch: Redis does nothing else while it takes them. */
const MAX_BATCH = 10_000;
/** Events of one call, unless a single batch has more. */
const MAX_CALL = 500;
/** Batches that are collected at a time. */
const MAX_BATCHES = 5000;

/** A batch as it was asked for, in its wire form. */
interface Append {
  readonly events: readonly Event[];
  readonly wires: readonly string[];
  readonly options: AppendOptions;
}

/** What the script replies for a batch: -1 and the stream's version, or position, version and 1 for a duplicate, flat. */
type Reply = readonly (string | number)[];

/** Appends batches. Those of one turn of the event loop, and those that wait for a call under way, share a round trip. */
export class Appender {
  readonly #batches = new Batcher<Append, AppendResult[]>((appends) => this.#send(appends), MAX_BATCHES);

  constructor(
    private readonly connection: RedisConnection,
    private readonly calls: TimedCalls,
    private readonly keys: StoreKeys,
  ) {}

  append(events: readonly Event[], options: AppendOptions): Promise<AppendResult[]> {
    checkAppend(options);
    if (options.transaction !== undefined) {
      throw new EventConfigurationError(
        `${USER} was given a 'transaction', which it cannot be part of. Leave it out, or use PostgresEventStore.`,
      );
    }
    if (events.length > MAX_BATCH) {
      throw new EventConfigurationError(
        `${USER} was to append a batch of ${events.length} events, but takes ${MAX_BATCH} at most, because Redis does nothing else meanwhile. Append several batches.`,
      );
    }
    if (events.length === 0) return Promise.resolve([]);
    return this.#batches.add({ events, wires: events.map(encodeEvent), options });
  }

  /** Resolves when everything asked for so far is confirmed or refused. */
  flushed(): Promise<void> {
    return this.#batches.flushed();
  }

  async #send(appends: readonly Append[]): Promise<(AppendResult[] | Error)[]> {
    const results = await Promise.all(inCalls(appends).map((call) => this.#call(call)));
    return results.flat();
  }

  async #call(appends: readonly Append[]): Promise<(AppendResult[] | Error)[]> {
    const { keys, args } = this.#commandOf(appends);
    try {
      const count = appends.reduce((sum, { events }) => sum + events.length, 0);
      const subject = count === 1 ? 'the event' : `${count} events`;
      const replies = (await this.calls.run(
        () => this.connection.run(APPEND, keys, args),
        subject,
      )) as Reply[];
      return appends.map((append, i) => resultsOf(append, replies[i]!));
    } catch (error) {
      return appends.map(() => error as Error);
    }
  }

  /** Keys and arguments of {@link APPEND}. */
  #commandOf(appends: readonly Append[]): { keys: string[]; args: (string | number)[] } {
    const { position, log, ids, types, blocks, latest, earliest, publication, unsettled } = this.keys;
    const keys = [position, log, ids, types, blocks, latest, earliest, publication, unsettled];
    const numbers = new Map<string, number>();
    const numberOf = (key: string): number => {
      let number = numbers.get(key);
      if (number === undefined) numbers.set(key, (number = keys.push(key)));
      return number;
    };
    const args: (string | number)[] = [this.keys.channel];
    for (const { events, wires, options } of appends) {
      const { streamId, expectedVersion, publication: state = '' } = options;
      const stream = streamId === undefined ? 0 : numberOf(this.keys.stream(streamId));
      args.push(stream, streamId ?? '', wanted(expectedVersion), state, events.length);
      events.forEach(({ id, type, source, correlationId, causationId, createdAtMs }, i) => {
        const flow = correlationId === id ? 0 : numberOf(this.keys.correlation(correlationId));
        const cause = causationId === undefined ? 0 : numberOf(this.keys.causation(causationId));
        const [typeKey, sourceKey] = [numberOf(this.keys.type(type)), numberOf(this.keys.source(source))];
        args.push(id, wires[i]!, type, typeKey, sourceKey, flow, cause, createdAtMs);
      });
    }
    return { keys, args };
  }
}

/** As many batches to a call as its limit allows, in their order. */
function inCalls(appends: readonly Append[]): Append[][] {
  const calls: Append[][] = [];
  let size = Infinity;
  for (const append of appends) {
    if (size + append.events.length > MAX_CALL) {
      calls.push([]);
      size = 0;
    }
    calls.at(-1)!.push(append);
    size += append.events.length;
  }
  return calls;
}

/** The expected version as the script takes it. */
function wanted(expected: ExpectedVersion = 'any'): string {
  if (expected === 'any') return '';
  if (expected === 'exists') return '+';
  return expected === 'no-stream' ? '0' : String(expected);
}

function resultsOf({ events, options }: Append, reply: Reply): AppendResult[] | Error {
  const { streamId, expectedVersion = 'any' } = options;
  if (Number(reply[0]) === -1) return new StreamConflictError(streamId!, expectedVersion, Number(reply[1]));
  return events.map(({ id }, i) => {
    const [position, version, duplicate] = reply.slice(i * 3, i * 3 + 3);
    return {
      id,
      position: String(position),
      streamVersion: Number(version) || undefined,
      ...(Number(duplicate) === 1 && { duplicate: true }),
    };
  });
}
