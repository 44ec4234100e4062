import type { PublishReceipt } from '../backends/backend.js';
import type { Outgoing, PublishResult } from './publisher.js';

interface Waiting {
  readonly outgoing: Outgoing;
  readonly resolve: (receipt: PublishReceipt | void) => void;
  readonly reject: (error: Error) => void;
}

/** Collects events and sends them together: as soon as there are enough, or when the first one has waited enough. */
export class PublishBatcher {
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly limits: { readonly size: number; readonly maxDelayMs: number },
    private readonly send: (entries: readonly Outgoing[]) => Promise<PublishResult[]>,
  ) {}

  /** Resolves or rejects with this event's own result. */
  add(outgoing: Outgoing): Promise<PublishReceipt | void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ outgoing, resolve, reject });
      if (this.#waiting.length >= this.limits.size) void this.flush();
      // The age of the first event counts: a timer that later events pushed back could wait for ever.
      else this.#timer ??= setTimeout(() => void this.flush(), this.limits.maxDelayMs);
    });
  }

  /** Sends what is waiting. Never rejects: each event's own promise tells. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#waiting;
    if (batch.length === 0) return;
    this.#waiting = [];
    const results = await this.send(batch.map(({ outgoing }) => outgoing));
    batch.forEach(({ resolve, reject }, i) => {
      const result = results[i];
      if (result instanceof Error) reject(result);
      else resolve(result);
    });
  }
}
