import type {
  DeadLetter,
  DeadLetterChange,
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterStatus,
  DeadLetterStore,
} from '../../dead-letters/dead-letter.js';
import { encodeEvent } from '../../wire/cloud-events.js';
import { encodeLetter } from '../shared/stored-letter.js';
import type { LetterLog } from './letter-log.js';

/** A record has to fit into the `max.message.bytes` that brokers have unless they are set to something else. */
const MOST_BYTES = 1_000_000;

/**
 * Dead letters of a group in a topic of its own. Writing one is storing a record; who looks at them reads the whole topic
 * once, and then what is new.
 */
export class KafkaDeadLetters implements DeadLetterStore {
  /** @param log Connects when it is first asked for. */
  constructor(private readonly log: () => Promise<LetterLog>) {}

  async add(entries: readonly DeadLetter[]): Promise<void> {
    const log = await this.log();
    await log.write(entries.map((entry) => ({ do: 'add', letter: encodeLetter(entry, MOST_BYTES) })));
  }

  async get(id: string): Promise<DeadLetter | undefined> {
    return (await (await this.log()).view()).get(id);
  }

  /** @throws {EventConfigurationError} when `limit` is not from 1 to 1000, or `cursor` is not one of ours. */
  async list(query: DeadLetterQuery = {}): Promise<DeadLetterPage> {
    return (await (await this.log()).view()).list(query);
  }

  async size(): Promise<number> {
    return (await (await this.log()).view()).size();
  }

  async transition(
    id: string,
    from: DeadLetterStatus,
    to: DeadLetterStatus,
    { reason, event, raw, unchangedSince }: DeadLetterChange = {},
  ): Promise<DeadLetter | undefined> {
    const log = await this.log();
    if ((await (await log.view()).get(id))?.status !== from) return undefined;
    const wire = event && encodeEvent(event);
    const [changed] = await log.take([
      {
        do: 'move',
        id,
        from,
        to,
        at: Date.now(),
        reason,
        event: wire,
        raw: fitsBeside(wire, raw) ? raw : undefined,
        unchangedSince: unchangedSince?.getTime(),
      },
    ]);
    return changed;
  }

  async take(id: string): Promise<DeadLetter | undefined> {
    const log = await this.log();
    if ((await (await log.view()).get(id))?.status !== 'dead') return undefined;
    const [taken] = await log.take([{ do: 'drop', id, dead: true }]);
    return taken;
  }

  async purge(filter: DeadLetterFilter): Promise<number> {
    const log = await this.log();
    let purged = 0;
    for (let cursor: string | undefined; ;) {
      const page = await (await log.view()).list({ ...filter, limit: 1000, ...(cursor && { cursor }) });
      const found = page.entries.filter(({ status }) => status !== 'retrying');
      const dropped = await log.take(found.map(({ id }) => ({ do: 'drop', id, dead: false })));
      purged += dropped.filter(Boolean).length;
      if (page.cursor === undefined) return purged;
      cursor = page.cursor;
    }
  }
}

/** What the broker held at first is left out where it and the event do not fit into a record. */
function fitsBeside(wire = '', raw: DeadLetter['raw']): boolean {
  return Buffer.byteLength(wire) + Buffer.byteLength(JSON.stringify(raw ?? null)) <= MOST_BYTES;
}
