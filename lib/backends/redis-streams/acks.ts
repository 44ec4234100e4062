import { setImmediate } from 'node:timers/promises';
import type { Claim } from './claim.js';
import type { RedisConnection } from '../../clients/redis/connection.js';
import type { Leases, Member } from './leases.js';
import { ACK } from './scripts/settling.js';
import { insist } from '../../clients/insist.js';
import { isGroupMissing } from '../../clients/redis/waiting.js';

/** What Lua can pass to one command. */
const MAX_IDS_PER_CALL = 1000;

/** Acknowledges entries; resolves with the number of those that are not ours any more. */
export type SendAcks = (claims: readonly Claim[]) => Promise<number>;

/** Acknowledges what was handled: one call at a time, with all that has gathered since the last one. */
export class Acks {
  #claims: Claim[] = [];
  #flushing: Promise<void> | undefined;
  readonly #stop = new AbortController();
  /** Acknowledgements that came too late, because the lease was lost. */
  stale = 0;

  constructor(
    private readonly send: SendAcks,
    private readonly leases: Leases,
    private readonly report: (error: Error) => void,
  ) {}

  add(claim: Claim): void {
    this.#claims.push(claim);
    this.#flushing ??= this.#flush();
  }

  /** Resolves when all is acknowledged, or {@link stop} was called. */
  async flushed(): Promise<void> {
    await this.#flushing;
  }

  /** Gives up what cannot be acknowledged now; it will be delivered again. */
  stop(): void {
    this.#stop.abort();
  }

  async #flush(): Promise<void> {
    await setImmediate();
    while (this.#claims.length > 0 && !this.#stop.signal.aborted) {
      const claims = this.#claims.splice(0, MAX_IDS_PER_CALL);
      await insist(() => this.#acknowledge(claims), this.#stop.signal, this.report);
      for (const claim of claims) this.leases.release(claim);
    }
    this.#flushing = undefined;
  }

  async #acknowledge(claims: readonly Claim[]): Promise<void> {
    try {
      this.stale += await this.send(claims);
    } catch (error) {
      if (!isGroupMissing(error)) throw error;
    }
  }
}

/** Acknowledges entries of one stream. */
export function acksOfStream(connection: RedisConnection, stream: string, member: Member): SendAcks {
  return async (claims) => {
    let deadline = Infinity;
    const args: (string | number)[] = [member.group, member.consumer, 0];
    for (const claim of claims) {
      if (claim.deadline < deadline) deadline = claim.deadline;
      args.push(claim.id);
    }
    args[2] = deadline;
    return (await connection.run(ACK, [stream], args)) as number;
  };
}
