import { setTimeout } from 'node:timers/promises';
import { within } from '../../../clients/in-time.js';
import { isGroupMissing } from '../../../clients/redis/waiting.js';
import type { BlockingReader } from '../reader.js';
import type { Shard } from './shard.js';
import type { ShardLog, ShardQuery } from './shard-log.js';

const RETRY_MS = 200;
/** A read that should have ended this long ago is cut off. */
const STOP_GRACE_MS = 500;
/** Entries held of all shards together, and of each at least. */
const MAX_HELD = 1000;
const MIN_HELD = 32;

/** The parts that a reader of shards works with. */
export interface ShardReaderParts {
  readonly log: ShardLog;
  readonly shards: () => ReadonlyMap<number, Shard>;
  readonly lose: (shard: Shard) => void;
  /** Waits for news. It cannot read for the group: Redis would still answer it when the shards are somebody else's. */
  readonly reader: BlockingReader;
  /** Stream that tells of changes in who has what. */
  readonly moves: string;
  readonly onMove: () => void;
  /** Creates the group where it is missing. */
  readonly createGroups: () => Promise<void>;
  readonly report: (error: Error) => void;
}

/** Reads what is in the shards of this process, first what earlier owners left, as far as there is room. */
export class ShardReader {
  /** Whether the last read worked. */
  connected = true;
  /** Entries that were deleted before anybody handled them. */
  lost = 0;
  #stopping = false;
  #loop: Promise<void> = Promise.resolve();
  #lastMove = '0-0';
  /** Shards in which there is nothing more, as far as is known. */
  #drained = new WeakSet<Shard>();
  /** The wait for news of some shards that is under way. */
  #watch: { readonly shards: ReadonlySet<Shard>; readonly over: Promise<void> } | undefined;
  #wake: (() => void) | undefined;

  constructor(private readonly parts: ShardReaderParts) {}

  start(): void {
    this.#loop = this.#readUntilStopped();
  }

  /** There may be something to read: the shard has just come, or has room again. */
  changed(shard: Shard): void {
    if (this.#wake !== undefined && !this.#drained.has(shard) && this.#hasRoom(shard)) this.#wake();
  }

  /** Resolves when the last read has ended. */
  async stop(): Promise<void> {
    const { reader } = this.parts;
    this.#stopping = true;
    this.#wake?.();
    reader.interrupt();
    await within(reader.blockMs + STOP_GRACE_MS, this.#loop);
    reader.close();
  }

  async #readUntilStopped(): Promise<void> {
    while (!this.#stopping) {
      try {
        await this.#read();
        await this.#untilNews();
        this.connected = true;
      } catch (error) {
        await this.#recover(error as Error);
      }
    }
  }

  async #read(): Promise<void> {
    const shards = this.#open().filter((shard) => !this.#drained.has(shard));
    for (const shard of shards)
      if (shard.leftovers !== undefined) await this.#takeOver(shard, shard.leftovers);
    const queries = shards.flatMap((shard) => {
      const { leftovers, lastId } = shard;
      if (leftovers !== undefined || lastId === undefined) return [];
      const query = { ...this.#queryOf(shard), lastId };
      return query.count > 0 ? [{ shard, query }] : [];
    });
    if (queries.length === 0) return;
    const replies = await this.parts.log.read(queries.map(({ query }) => query));
    queries.forEach(({ shard, query }, i) => {
      const entries = replies[i];
      if (entries === undefined) return this.parts.lose(shard);
      shard.lastId = entries.at(-1)?.id ?? query.lastId;
      if (entries.length < query.count) this.#drained.add(shard);
      shard.accept(entries);
    });
  }

  async #takeOver(shard: Shard, start: string): Promise<void> {
    const page = await this.parts.log.takeOver(this.#queryOf(shard), start);
    if (page === undefined) return this.parts.lose(shard);
    this.lost += page.lost;
    shard.leftovers = page.next;
    if (page.next === undefined) shard.lastId = page.given;
    shard.accept(page.entries);
  }

  /** Waits until there may be something to read. */
  async #untilNews(): Promise<void> {
    if (this.#hasWork || this.#stopping) return;
    const quiet = this.#open().filter(({ lastId }) => lastId !== undefined);
    if (this.#watch === undefined) this.#watch = { shards: new Set(quiet), over: this.#watchOut(quiet) };
    else if (quiet.some((shard) => !this.#watch!.shards.has(shard))) this.parts.reader.interrupt();
    const woken = new Promise<void>((resolve) => (this.#wake = resolve));
    try {
      await Promise.race([this.#watch.over, woken]);
    } finally {
      this.#wake = undefined;
    }
  }

  async #watchOut(shards: readonly Shard[]): Promise<void> {
    const { reader, moves, onMove } = this.parts;
    const places = [
      moves,
      ...shards.map(({ stream }) => stream),
      this.#lastMove,
      ...shards.map(({ lastId }) => lastId!),
    ];
    try {
      const batches = await reader.read('xread', ['COUNT', 1], places);
      // Nothing in time: looks everywhere, for what such a wait cannot see.
      if (batches.length === 0) this.#drained = new WeakSet();
      for (const [name, entries] of batches) {
        // The client's key prefix, if any, is part of the name here.
        const shard = shards.find(({ stream }) => name.endsWith(stream));
        if (shard !== undefined) this.#drained.delete(shard);
        else this.#lastMove = entries.at(-1)![0];
        if (shard === undefined) onMove();
      }
    } finally {
      this.#watch = undefined;
    }
  }

  get #hasWork(): boolean {
    return this.#open().some((shard) => !this.#drained.has(shard));
  }

  /** Shards that have room. */
  #open(): Shard[] {
    const most = this.#limit / 2;
    return [...this.parts.shards().values()].filter((shard) => this.#hasRoom(shard, most));
  }

  #hasRoom(shard: Shard, most = this.#limit / 2): boolean {
    return !shard.leaving && shard.pressing <= most;
  }

  get #limit(): number {
    return Math.max(MIN_HELD, Math.floor(MAX_HELD / this.parts.shards().size));
  }

  #queryOf({ index, stream, pressing }: Shard): ShardQuery {
    return { index, stream, count: this.#limit - pressing };
  }

  /** A database that was flushed, or a failover that lost the group: begin again at the start, not at the end. */
  async #recover(error: Error): Promise<void> {
    if (this.#stopping) return;
    this.#drained = new WeakSet();
    try {
      if (isGroupMissing(error)) return await this.parts.createGroups();
      if (error.message.startsWith('UNBLOCKED')) return;
    } catch (second) {
      error = second as Error;
    }
    if (this.connected) this.parts.report(error);
    this.connected = false;
    await setTimeout(RETRY_MS);
  }
}
