import { Batcher } from '../../batcher.js';
import { within } from '../../clients/in-time.js';
import { insist } from '../../clients/insist.js';
import { EventPublishError } from '../../errors.js';
import type { EventStore } from '../event-store.js';

/** Milliseconds until the store is told what was published: long enough for many events, short enough to look at. */
const TELL_MS = 200;
/** The most events that wait for it. */
const MOST_WAITING = 1000;
/** How long the last of it may take at the end, in milliseconds. */
const FLUSH_MS = 3000;

interface Failure {
  readonly id: string;
  readonly why: string;
}

/**
 * Tells the store what became of publishing events: of failures at once, of successes many at a time. A crash before
 * that leaves events `pending` that were published, never the other way round.
 */
export class Settlements {
  #published: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  readonly #failures = new Batcher<Failure, void>((failures) => this.#settleFailed(failures), MOST_WAITING);
  /** Failures that the store did not take, until it does. What is published since is none any more. */
  readonly #untoldFailures = new Set<Set<string>>();
  /** What is still being told, each piece until the store takes it. */
  readonly #telling = new Set<Promise<void>>();
  readonly #over = new AbortController();
  #untold = 0;

  constructor(
    private readonly store: Pick<EventStore, 'settle' | 'name'>,
    private readonly report: (error: Error) => void,
  ) {}

  published(id: string): void {
    for (const ids of this.#untoldFailures) ids.delete(id);
    if (this.#published.push(id) >= MOST_WAITING) this.#tellPublished();
    else this.#timer ??= setTimeout(() => this.#tellPublished(), TELL_MS);
  }

  /** Resolves when the store has been told, or could not be: then it is told as soon as it answers. */
  failed(id: string, error: Error): Promise<void> {
    const why = error instanceof EventPublishError && error.cause instanceof Error ? error.cause : error;
    return this.#failures.add({ id, why: why.message });
  }

  /** Tells what is left, and reports what the store did not take in time. */
  async close(): Promise<void> {
    this.#tellPublished();
    const flush = async () => {
      await this.#failures.flushed();
      await Promise.all(this.#telling);
    };
    if (!(await within(FLUSH_MS, flush()))) {
      this.report(
        new EventPublishError(
          `The store '${this.store.name}' could not be told of ${this.#untold} events whether they were published: they stay 'pending' there.`,
        ),
      );
    }
    this.#over.abort();
  }

  #tellPublished(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const ids = this.#published;
    if (ids.length === 0) return;
    this.#published = [];
    this.#tell(ids.length, () => this.store.settle(ids, 'published'));
  }

  async #settleFailed(failures: readonly Failure[]): Promise<undefined[]> {
    const byReason = new Map<string, string[]>();
    for (const { id, why } of failures) {
      const ids = byReason.get(why);
      if (ids === undefined) byReason.set(why, [id]);
      else ids.push(id);
    }
    for (const [why, ids] of byReason) {
      try {
        await this.store.settle(ids, 'failed', why);
      } catch (error) {
        this.report(error as Error);
        this.#tellLater(new Set(ids), why);
      }
    }
    return failures.map(() => undefined);
  }

  #tellLater(ids: Set<string>, why: string): void {
    this.#untoldFailures.add(ids);
    this.#tell(ids.size, async () => {
      if (ids.size > 0) await this.store.settle([...ids], 'failed', why);
      this.#untoldFailures.delete(ids);
    });
  }

  #tell(count: number, settle: () => Promise<void>): void {
    this.#untold += count;
    const telling = insist(settle, this.#over.signal, this.report).then(() => {
      this.#untold -= count;
      this.#telling.delete(telling);
    });
    this.#telling.add(telling);
  }
}
