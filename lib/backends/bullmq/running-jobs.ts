import { within } from '../../clients/in-time.js';
import type { JobClaim } from './job-claim.js';
import { isNotOurs, type Settler } from './settler.js';
import { isNetworkError } from './worker-client.js';

/** How long interrupted handlers get to tell how far they came. */
const ABORT_GRACE_MS = 250;

/** The jobs whose handlers run in this process, and those that go back unfinished. */
export class RunningJobs {
  /** By job. */
  readonly #claims = new Map<string, JobClaim>();
  readonly #givingBack = new Set<Promise<void>>();
  #released = 0;
  #onQuiet: (() => void) | undefined;

  constructor(
    private readonly settler: Settler,
    private readonly report: (error: Error) => void,
  ) {}

  get size(): number {
    return this.#claims.size;
  }

  begin(claim: JobClaim): void {
    // The same job again while it still runs here: its lock was lost.
    this.#claims.get(claim.id)?.lose();
    this.#claims.set(claim.id, claim);
  }

  end(claim: JobClaim): void {
    if (this.#claims.get(claim.id) === claim) this.#claims.delete(claim.id);
    if (this.#claims.size === 0) this.#onQuiet?.();
  }

  /**
   * Somebody else may have the job by now.
   *
   * @returns Whether it ran here: one that ended while its lock was being renewed has lost nothing.
   */
  lose(id: string): boolean {
    const claim = this.#claims.get(id);
    if (claim === undefined || claim.lost) return false;
    claim.lose();
    return true;
  }

  /** Waits for the running jobs until the limit, then interrupts them and gives back what they do not finish. */
  async finish(limit: Promise<void>): Promise<void> {
    if (this.#claims.size === 0) return;
    const quiet = new Promise<void>((resolve) => (this.#onQuiet = resolve));
    await Promise.race([quiet, limit]);
    if (this.#claims.size === 0) return;
    for (const claim of this.#claims.values()) claim.abort();
    await within(ABORT_GRACE_MS, quiet);
    for (const claim of this.#claims.values()) {
      this.giveBack(claim);
      claim.surrender?.();
    }
  }

  giveBack(claim: JobClaim): void {
    this.#released++;
    const given = this.settler
      .giveBack(claim)
      .catch((error: Error) => {
        // Then its lock ends, and others take it up.
        if (!isNotOurs(error) && !isNetworkError(error)) this.report(error);
      })
      .finally(() => this.#givingBack.delete(given));
    this.#givingBack.add(given);
    claim.lose();
  }

  /** Resolves when Redis has taken back what is given back now. */
  async givenBack(): Promise<void> {
    await Promise.all(this.#givingBack);
  }

  /** How many jobs were given back, or not begun, since the last call. */
  takeReleased(): number {
    const released = this.#released;
    this.#released = 0;
    return released;
  }
}
