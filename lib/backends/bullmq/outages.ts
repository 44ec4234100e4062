/** Tells once of what goes on failing: again only when it has worked, or fails in another way. */
export class Outages {
  #told: string | undefined;

  constructor(private readonly report: (error: Error) => void) {}

  failed(error: Error): void {
    if (error.message !== this.#told) this.report(error);
    this.#told = error.message;
  }

  over(): void {
    this.#told = undefined;
  }
}
