import type { RedisConnection } from '../../clients/redis/connection.js';
import { receiptBeside } from '../../clients/redis/receipt.js';
import type { TimedCalls } from '../../clients/redis/timed-calls.js';
import { payloadOf } from './codec.js';
import { scheduleNameOf } from './deduplication.js';
import { CANCEL, MOVE_DUE, SCHEDULE } from './scripts/publishing.js';
import type { ServerClock } from './server-clock.js';

/** Entries moved per call. */
const LIMIT = 500;
/** Looks at least this often, for what other processes put on a schedule. */
const MAX_WAIT_MS = 1000;

/** Where entries wait for their time, and where they go then: schedule, scheduled, stream. */
export type ScheduleKeys = readonly [schedule: string, scheduled: string, stream: string];

/** A delayed event, and what it needs beside its place in time. */
export interface Delayed {
  readonly id: string;
  readonly source: string;
  readonly wire: string;
  /** Where it goes when it is due; `undefined` for the main stream. */
  readonly shard?: number | undefined;
  readonly delayMs: number;
  /** The emitter chose the id: an event of it that is there already stays. */
  readonly once: boolean;
  /** Key that exists for as long as a second event of this id is left out. */
  readonly mark?: string | undefined;
}

/** Delayed events, until they are due. */
export class Schedule {
  constructor(
    private readonly connection: RedisConnection,
    private readonly calls: TimedCalls,
    private readonly keys: readonly [schedule: string, scheduled: string],
    private readonly deduplicationMs: number,
  ) {}

  /**
   * Resolves when Redis has the event, with whether it had one of this id before.
   *
   * @throws {EventPublishError} when Redis refuses or does not confirm it.
   */
  async add({ id, source, wire, shard, delayMs, once, mark }: Delayed): Promise<boolean> {
    const keys = mark === undefined ? this.keys : [...this.keys, mark];
    const name = scheduleNameOf(source, id, once);
    const payload = shard === undefined ? payloadOf(wire) : `@${shard}\n${wire}`;
    const args = [name, Math.ceil(delayMs), payload, once ? 1 : 0, this.deduplicationMs];
    const reply = await this.calls.run(() => this.connection.run(SCHEDULE, keys, args), 'the event');
    return reply === 1;
  }

  /**
   * Takes an event back. It competes with the movers, and exactly one of them has it.
   *
   * @param source Whose event it is, if the emitter chose the id.
   * @param mark Key that goes along with such an event.
   * @returns Whether it was there.
   * @throws {EventPublishError} when Redis does not answer: the event may or may not have been taken back.
   */
  async cancel(id: string, source: string, mark: string): Promise<boolean> {
    const names = [scheduleNameOf(source, id, true), scheduleNameOf(source, id, false)];
    const keys = [...this.keys, mark, receiptBeside(this.keys[0])];
    const send = () => this.connection.run(CANCEL, keys, [this.calls.timeoutMs, ...names]);
    return (await this.calls.run(send, `that event ${id} is cancelled`)) === 1;
  }
}

/** Moves what is due to its stream. Any number of processes may do so: each entry is moved once. */
export class Mover {
  constructor(
    private readonly connection: RedisConnection,
    private readonly clock: ServerClock,
    private readonly schedules: readonly ScheduleKeys[],
  ) {}

  /** Moves a batch of each schedule. Resolves with the milliseconds until there is more to do. */
  async move(): Promise<number> {
    let wait = MAX_WAIT_MS;
    for (const keys of this.schedules) {
      const reply = await this.connection.run(MOVE_DUE, keys, [LIMIT]);
      const [now, moved, untilNext] = reply as [number, number, number];
      // Often enough that a failover to a server with another clock is soon known.
      this.clock.observe(now);
      if (moved === LIMIT) wait = 0;
      else if (untilNext >= 0) wait = Math.min(wait, untilNext);
    }
    return wait;
  }
}
