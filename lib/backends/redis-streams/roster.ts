import type { RedisConnection } from '../../clients/redis/connection.js';
import type { BackendHost } from '../backend.js';
import { PatternSet } from '../../handlers/pattern-set.js';
import { pairs } from './codec.js';
import type { Keys } from './keys.js';
import type { Member } from './leases.js';
import { ANNOUNCE, READ_ROSTER } from './scripts/roster.js';

/** How long what was read is believed, in milliseconds. */
const BELIEVED_MS = 1000;
const NOBODY = new PatternSet([]);

/** Which process of a group listens to what: every process enters its own patterns and looks up those of others. */
export class Roster {
  #announced: string | undefined;
  #announcedAt = -Infinity;
  #others = NOBODY;
  #version = '';
  /** Of the last reading: by the server's clock, and by ours. */
  #readAt = -Infinity;
  #readAtLocal = -Infinity;
  #reading: Promise<void> | undefined;
  readonly #keys: readonly string[];

  constructor(
    private readonly connection: RedisConnection,
    { roster, rosterLeases }: Keys,
    private readonly member: Member,
    private readonly leaseMs: number,
    private readonly listener: Pick<BackendHost, 'patterns' | 'handles'>,
  ) {
    this.#keys = [roster, rosterLeases];
  }

  /** Whether this process has a handler for such events, as of now. */
  listens(type: string): boolean {
    return this.listener.handles(type);
  }

  /** Enters what this process listens to now. Holds for a lease, and costs nothing while there is nothing to say. */
  async announce(): Promise<void> {
    const patterns = JSON.stringify(this.listener.patterns());
    const at = performance.now();
    if (patterns === this.#announced && at - this.#announcedAt < this.leaseMs / 3) return;
    await this.connection.run(ANNOUNCE, this.#keys, [this.member.consumer, this.leaseMs, patterns]);
    this.#announced = patterns;
    this.#announcedAt = at;
  }

  /**
   * What it listens to holds for one lease more: the process may be back in a moment, as in a deployment, and until then
   * nobody else may acknowledge what only it handles.
   */
  async leave(): Promise<void> {
    this.#announced = undefined;
    await this.announce();
  }

  /**
   * Whether a living process other than this one listens to such events.
   *
   * @param since Unix milliseconds of the server: who was there then is certainly known of.
   * @returns A promise only if the roster has to be read.
   */
  othersListen(type: string, since: number): boolean | Promise<boolean> {
    return this.#knows(since) ? this.#others.covers(type) : this.#lookUp(type, since);
  }

  #knows(since: number): boolean {
    return this.#readAt > since && performance.now() - this.#readAtLocal < BELIEVED_MS;
  }

  async #lookUp(type: string, since: number): Promise<boolean> {
    // A reading that is under way may have begun too early.
    await (this.#reading ??= this.#read());
    if (!this.#knows(since)) await (this.#reading ??= this.#read());
    return this.#others.covers(type);
  }

  async #read(): Promise<void> {
    try {
      const at = performance.now();
      const reply = await this.connection.run(READ_ROSTER, this.#keys, [this.#version]);
      const [now, entries] = reply as [number, string[]?];
      if (entries !== undefined) this.#take(entries);
      this.#readAt = now;
      this.#readAtLocal = at;
    } finally {
      this.#reading = undefined;
    }
  }

  #take(entries: readonly string[]): void {
    const { version = '', [this.member.consumer]: _, ...others } = Object.fromEntries(pairs(entries));
    this.#others = new PatternSet(Object.values(others).flatMap((json) => JSON.parse(json) as string[]));
    this.#version = version;
  }
}
