/** So many are remembered at least, and twice as many at most. */
const LEAST = 10_000;

/**
 * Remembers publications that came lately. A client that lost its connection sends again what was not confirmed, and Redis
 * may have passed it on already.
 */
export class Recent {
  #later = new Set<string>();
  #earlier = new Set<string>();

  /** Takes note of a publication. @returns Whether it is a new one. */
  isNew(publication: string): boolean {
    if (this.#later.has(publication) || this.#earlier.has(publication)) return false;
    if (this.#later.size === LEAST) {
      this.#earlier = this.#later;
      this.#later = new Set();
    }
    this.#later.add(publication);
    return true;
  }
}
