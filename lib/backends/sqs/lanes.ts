import type { Claim } from './claim.js';

/** Messages of one group of a FIFO queue, of which one load may bring several: they run one after the other. */
export class Lanes {
  /** By group: the one that runs, and those behind it. */
  readonly #lanes = new Map<string, Claim[]>();

  /** @returns Whether it may run now; if not, {@link leave} brings it forward. */
  enter(claim: Claim): boolean {
    const group = claim.messageGroup;
    if (group === undefined) return true;
    const lane = this.#lanes.get(group);
    if (lane === undefined) this.#lanes.set(group, [claim]);
    else lane.push(claim);
    return lane === undefined;
  }

  /**
   * A message has left this process.
   *
   * @returns The one behind it that may run now.
   */
  leave(claim: Claim): Claim | undefined {
    const lane = claim.messageGroup === undefined ? undefined : this.#lanes.get(claim.messageGroup);
    const at = lane?.indexOf(claim) ?? -1;
    if (at < 0) return undefined;
    lane!.splice(at, 1);
    if (lane!.length === 0) this.#lanes.delete(claim.messageGroup!);
    return at === 0 ? lane![0] : undefined;
  }

  /** All that wait behind others, and will not run here. */
  clear(): Claim[] {
    const waiting = [...this.#lanes.values()].flatMap((lane) => lane.slice(1));
    this.#lanes.clear();
    return waiting;
  }
}
