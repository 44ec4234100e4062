// Not the global, so that the fake timers of a test do not stop publishing.
import { setImmediate } from 'node:timers';
import type { RedisClient, RedisConnection } from '../../clients/redis/connection.js';
import { refusal, type TimedCalls } from '../../clients/redis/timed-calls.js';
import type { PublishReceipt } from '../backend.js';
import { Batch, type Exception, type Route } from './batch.js';
import { PUBLISH, PUBLISH_ROUTED } from './scripts/publishing.js';

const NO_EXCEPTIONS: ReadonlyMap<number, Exception> = new Map();

/**
 * Appends events. Those published within one turn of the event loop share round trips; there is no timer, so nobody
 * waits for company.
 */
export class Publisher {
  #batch: Batch | undefined;
  readonly #sending = new Set<Promise<void>>();

  /** @param stream Where events without a route go. */
  constructor(
    private readonly connection: RedisConnection,
    private readonly calls: TimedCalls,
    private readonly stream: string,
    private readonly deduplicationMs: number,
  ) {}

  /** Events that Redis has not confirmed yet. */
  get unconfirmed(): boolean {
    return this.#batch !== undefined || this.#sending.size > 0;
  }

  /** Appends an event to its stream; resolves when Redis has it. */
  publish(wire: string, route?: Route): Promise<PublishReceipt | void> {
    const batch = (this.#batch ??= this.#begin());
    const stored = batch.add(wire, route);
    if (batch.full) this.#launch(batch);
    return stored;
  }

  /** Waits until everything accepted so far is confirmed or refused. */
  async flush(): Promise<void> {
    if (this.#batch !== undefined) this.#launch(this.#batch);
    await Promise.all(this.#sending);
  }

  #begin(): Batch {
    const batch = new Batch();
    setImmediate(() => this.#launch(batch));
    return batch;
  }

  /** Sends a batch that is full, or whose turn of the event loop is over. */
  #launch(batch: Batch): void {
    if (this.#batch !== batch) return; // it was full, and has gone
    this.#batch = undefined;
    const sending = this.#send(batch).finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
  }

  async #send(batch: Batch): Promise<void> {
    const { length } = batch.wires;
    try {
      const subject = length === 1 ? 'the event' : `${length} events`;
      batch.settle(await this.calls.run((client) => this.#append(client, batch), subject));
    } catch (error) {
      batch.fail(error as Error);
    }
  }

  async #append(client: RedisClient, { wires, routes }: Batch): Promise<ReadonlyMap<number, Exception>> {
    let reply: unknown;
    if (routes !== undefined) {
      const [keys, args] = this.#routed(wires, routes);
      reply = await this.connection.run(PUBLISH_ROUTED, keys, args);
    } else if (wires.length === 1) {
      // A script costs a lone event more than it saves.
      await client.xadd(this.stream, '*', 'event', wires[0]!);
      return NO_EXCEPTIONS;
    } else {
      reply = await this.connection.run(PUBLISH, [this.stream], wires);
    }
    return reply === null ? NO_EXCEPTIONS : exceptionsIn(reply as Reply);
  }

  /** Keys and arguments of {@link PUBLISH_ROUTED}. */
  #routed(
    wires: readonly string[],
    routes: readonly (Route | undefined)[],
  ): [keys: string[], args: (string | number)[]] {
    const keys: string[] = [];
    const numbers = new Map<string, number>();
    const numberOf = (key: string): number => numbers.get(key) ?? add(key);
    const add = (key: string): number => {
      const number = keys.push(key);
      numbers.set(key, number);
      return number;
    };
    const args: (string | number)[] = [this.deduplicationMs];
    wires.forEach((wire, i) => {
      const { stream = this.stream, mark } = routes[i] ?? {};
      args.push(numberOf(stream), mark === undefined ? 0 : numberOf(mark), wire);
    });
    return [keys, args];
  }
}

/** Positions from 1, each with what became of the event there: an error, or 1 for a duplicate. */
type Reply = readonly (number | string)[];

const DUPLICATE: PublishReceipt = Object.freeze({ duplicate: true });

function exceptionsIn(reply: Reply): ReadonlyMap<number, Exception> {
  const exceptions = new Map<number, Exception>();
  for (let i = 0; i < reply.length; i += 2) {
    const result = reply[i + 1]!;
    exceptions.set(
      (reply[i] as number) - 1,
      result === 1 ? DUPLICATE : refusal('the event', new Error(String(result))),
    );
  }
  return exceptions;
}
