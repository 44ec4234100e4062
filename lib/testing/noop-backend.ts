import type { BackendCapabilities, EventBackend } from '../backends/backend.js';
import type { Event } from '../event.js';

/** Accepts every event and forgets it: for tests and commands that emit and do not care. */
export class NoopBackend implements EventBackend {
  readonly name = 'noop';
  readonly capabilities: BackendCapabilities = { delay: true };
  #count = 0;

  /** Events accepted so far. */
  get count(): number {
    return this.#count;
  }

  publish(_event: Event): Promise<void> {
    this.#count++;
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
