import { Claim } from './claim.js';
import type { Fields } from './codec.js';
import type { RedisConnection } from '../../clients/redis/connection.js';
import type { Leases, Member } from './leases.js';
import { CLAIM, OVERDUE } from './scripts/leasing.js';
import { REMOVE_CONSUMERS } from './scripts/upkeep.js';
import type { ServerClock } from './server-clock.js';
import type { Suspects } from './suspects.js';

const PAGE = 100;
/** Entries claimed per call, because each brings its event along. */
const CLAIM_BATCH = 20;
/** A consumer without work that was silent for this long is forgotten; if it still lives it is simply made anew. */
const SILENT_CONSUMER_MS = 60_000;

type PendingRow = readonly [id: string, consumer: string, idleMs: number, deliveries: number];
type ClaimReply = readonly [
  now: number,
  lost: number,
  entries: readonly (readonly [id: string, fields: Fields])[],
];

/** Takes over what dead consumers left behind, wherever in the list it is. */
export class Reclaimer {
  /** Entries that were deleted from the stream before anybody handled them. */
  lost = 0;

  constructor(
    private readonly connection: RedisConnection,
    private readonly streams: readonly string[],
    private readonly member: Member,
    private readonly clock: ServerClock,
    private readonly leases: Leases,
    private readonly leaseMs: number,
    private readonly suspects: Suspects,
    /** How many entries may be taken over now. */
    private readonly budget: () => number,
    private readonly accept: (claims: readonly Claim[]) => void,
  ) {}

  /** Goes through every entry whose lease is over. Resolves with whether some were left for a later sweep. */
  async sweep(): Promise<boolean> {
    let left = this.budget();
    let more = false;
    for (const stream of this.streams) {
      for await (const page of this.#overdue(stream)) {
        const rows = this.#withOneSuspect(page);
        more ||= rows.length < page.length;
        while (rows.length > 0) {
          if (left <= 0) return true;
          const claims = await this.#claim(stream, rows.splice(0, Math.min(CLAIM_BATCH, left)));
          left -= claims.length;
          this.accept(claims);
        }
      }
      await this.connection.run(REMOVE_CONSUMERS, [stream], [this.member.group, SILENT_CONSUMER_MS]);
    }
    return more;
  }

  /** Leaves out all suspects but one, and that one, too, while this process holds another. */
  #withOneSuspect(page: readonly PendingRow[]): PendingRow[] {
    const rows = page.filter(([, , , times]) => !this.suspects.includes(times + 1));
    const suspect = page.find(([, , , times]) => this.suspects.includes(times + 1));
    if (suspect && !this.suspects.any) rows.push(suspect);
    return rows;
  }

  /** Pages of entries whose lease is over, without our own: what runs here is never taken from ourselves. */
  async *#overdue(stream: string): AsyncGenerator<PendingRow[]> {
    let start = '-';
    for (;;) {
      const args = [this.member.group, this.leaseMs, start, PAGE];
      const rows = (await this.connection.run(OVERDUE, [stream], args)) as PendingRow[];
      yield rows.filter(([id]) => !this.leases.has(stream, id));
      if (rows.length < PAGE) return;
      start = `(${rows.at(-1)![0]}`;
    }
  }

  async #claim(stream: string, rows: readonly PendingRow[]): Promise<Claim[]> {
    const { group, consumer } = this.member;
    const deliveries = new Map(rows.map(([id, , , times]) => [id, times + 1]));
    const args = [group, consumer, this.leaseMs, ...deliveries.keys()];
    const [now, lost, entries] = (await this.connection.run(CLAIM, [stream], args)) as ClaimReply;
    this.clock.observe(now);
    this.lost += lost;
    return entries.map(
      ([id, fields]) => new Claim(stream, id, fields, now + this.leaseMs, deliveries.get(id)!),
    );
  }
}
