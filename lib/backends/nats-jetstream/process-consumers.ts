import type { ConsumerName, Names } from './names.js';
import type { Link } from './link.js';

const NANOS = 1_000_000;
/** How long the server keeps the consumers of a process that is gone. */
const FORGET_MS = 60_000;
const CONSUMER_NOT_FOUND = 10014;

/** Consumers of one process alone, which bring it every event from now on, and go with it. */
export class ProcessConsumers {
  readonly names: readonly ConsumerName[];
  readonly #stream: string;
  /** Events that were due before this time, in Unix milliseconds, were for the processes that were up then. */
  since = Date.now();
  /** The next event of the stream that it has not seen. */
  #next: number | undefined;
  #ensuring: Promise<void> | undefined;

  /** @param id Tells the process from all others; a token of a subject. */
  constructor(
    private readonly link: Link,
    names: Names,
    id: string,
    private readonly leaseMs: number,
  ) {
    this.#stream = names.stream;
    this.names = [
      { kind: 'event', name: `~${id}`, filter: names.allEvents },
      { kind: 'delayed', name: `~${id}~delayed`, filter: names.allDelayed },
    ];
  }

  /** Makes those that are missing. */
  ensure(): Promise<void> {
    return (this.#ensuring ??= this.#ensure().finally(() => (this.#ensuring = undefined)));
  }

  /** An event of the stream has arrived. */
  saw(sequence: number): void {
    this.#next = Math.max(this.#next ?? 0, sequence + 1);
  }

  async remove(): Promise<void> {
    const { consumers } = this.link.jsm;
    await Promise.all(this.names.map(({ name }) => consumers.delete(this.#stream, name)));
  }

  async #ensure(): Promise<void> {
    this.#next ??= (await this.link.topology.info()).state.last_seq + 1;
    await Promise.all(this.names.map((name) => this.#ensureOne(name)));
  }

  async #ensureOne({ kind, name, filter }: ConsumerName): Promise<void> {
    const { consumers } = this.link.jsm;
    try {
      await consumers.info(this.#stream, name);
      return;
    } catch (error) {
      if ((error as { code?: unknown }).code !== CONSUMER_NOT_FOUND) throw error;
    }
    if (kind === 'delayed') this.since = Date.now();
    await consumers.add(this.#stream, {
      name,
      filter_subject: filter,
      ack_policy: 'explicit',
      ack_wait: this.leaseMs * NANOS,
      ...(kind === 'event'
        ? { deliver_policy: 'by_start_sequence', opt_start_seq: this.#next! }
        : { deliver_policy: 'all' }),
      max_deliver: -1,
      max_ack_pending: -1,
      inactive_threshold: FORGET_MS * NANOS,
      mem_storage: true,
    });
  }
}
