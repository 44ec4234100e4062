import type { ConsumerInfo } from '@nats-io/jetstream';
import { sideBySide } from '../../clients/side-by-side.js';
import type { Link } from './link.js';
import type { Names } from './names.js';
import { scan } from './scan.js';
import { deleteMessage } from './stored-message.js';

/** Requests under way at once. */
const AT_ONCE = 64;

/** Deletes what every consumer of the stream is done with. */
export class Trimmer {
  constructor(
    private readonly link: Pick<Link, 'nc' | 'jsm' | 'inbox' | 'requests'>,
    private readonly names: Names,
  ) {}

  /**
   * All at once as far as everybody is, and the rest one by one, as where an event waits for its time and those behind it
   * are done. A purge of some subjects would be quicker, but servers 2.9 then forget what consumers of them have been
   * given and not acknowledged: nobody would get it again.
   */
  async trim(): Promise<void> {
    const floors = await this.#floors();
    const common = (await this.#haveReaders(floors)) ? Math.min(...floors.values()) : 0;
    if (common > 0) await this.link.jsm.streams.purge(this.names.stream, { seq: common + 1 });
    for (const [filter, floor] of floors) if (floor > common) await this.#deleteUpTo(floor, filter);
  }

  /**
   * By filter, up to where all consumers that have it are done. A consumer with a filter of its own counts for everything,
   * because it may read anything.
   */
  async #floors(): Promise<Map<string, number>> {
    const { stream, allEvents, allDelayed } = this.names;
    const floors = new Map<string, number>();
    let foreign = Infinity;
    for await (const consumer of this.link.jsm.consumers.list(stream)) {
      const filter = consumer.config.filter_subject ?? '';
      const floor = floorOf(consumer);
      if (filter === allEvents || filter === allDelayed || this.names.isRetry(filter)) {
        floors.set(filter, Math.min(floors.get(filter) ?? Infinity, floor));
      } else {
        foreign = Math.min(foreign, floor);
      }
    }
    for (const [filter, floor] of floors) floors.set(filter, Math.min(floor, foreign));
    return floors;
  }

  /** Whether nothing in the stream waits for a consumer that is not there. */
  async #haveReaders(floors: ReadonlyMap<string, number>): Promise<boolean> {
    const { stream, allEvents, allDelayed, allRetries } = this.names;
    const { state } = await this.link.jsm.streams.info(stream, { subjects_filter: allRetries });
    return [allEvents, allDelayed, ...Object.keys(state.subjects ?? {})].every((each) => floors.has(each));
  }

  async #deleteUpTo(floor: number, filter: string): Promise<void> {
    const { stream } = this.names;
    const done = await scan(this.link, stream, filter, (_, { sequence }) => sequence, floor);
    await sideBySide(done, AT_ONCE, (seq) => deleteMessage(this.link.requests, stream, seq));
  }
}

/** The last message up to which a consumer is done with all. */
function floorOf({ ack_floor, delivered, num_ack_pending }: ConsumerInfo): number {
  return num_ack_pending === 0 ? Math.max(ack_floor.stream_seq, delivered.stream_seq) : ack_floor.stream_seq;
}
