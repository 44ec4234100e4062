import { randomUUID } from 'node:crypto';
import type { KafkaClient, KafkaRecord } from '../../clients/kafka/client.js';
import type { DeadLetter, DeadLetterStatus } from '../../dead-letters/dead-letter.js';
import { MemoryDeadLetterStore } from '../../dead-letters/memory-dead-letter-store.js';
import { toError } from '../../dispatch/failure.js';
import { EventSerializationError } from '../../errors.js';
import { pause } from '../../timer.js';
import { decodeEvent } from '../../wire/cloud-events.js';
import { decodeLetter } from '../shared/stored-letter.js';

/** Between two tries to read what came of steps that are stored. */
const RETRY_MS = 100;

/**
 * JSON: a text when it is written, which goes into the record as it is, and what it says when it is read. As a text in a
 * text it would grow by all that has to be escaped, and be too large for a record.
 */
type Json = string | Readonly<Record<string, unknown>>;

/** One step in the life of dead letters. */
export type Step =
  | { readonly do: 'add'; readonly letter: Json }
  | {
      readonly do: 'move';
      readonly id: string;
      readonly from: DeadLetterStatus;
      readonly to: DeadLetterStatus;
      readonly at: number;
      readonly reason?: string | undefined;
      /** A CloudEvent. */
      readonly event?: Json | undefined;
      readonly raw?: DeadLetter['raw'];
      /** In Unix milliseconds. */
      readonly unchangedSince?: number | undefined;
    }
  /** `dead`: only what is dead. Otherwise everything but what is being retried. */
  | { readonly do: 'drop'; readonly id: string; readonly dead: boolean };

/** A step as it is written. `by`: whose it is, where somebody waits for what comes of it. */
type WrittenStep = Step & { readonly by?: string };

/**
 * Dead letters as a log of steps: everybody who reads it takes the same steps in the same order and so comes to the same
 * entries. Of two who want to change one, the one whose step was stored first did; the other finds that out by reading.
 */
export class LetterLog {
  #view = new MemoryDeadLetterStore();
  #next: bigint | undefined;
  #reading: Promise<unknown> = Promise.resolve();
  /**
   * What came of the steps of this process, as long as somebody waits for it. By names that they are written with, not by
   * their offsets: a step may well be read here before the answer that tells its offset.
   */
  readonly #awaited = new Map<string, DeadLetter | undefined>();

  /**
   * @param topic One with one partition that keeps everything.
   * @param report Told of records in it that are no steps.
   */
  constructor(
    private readonly client: KafkaClient,
    private readonly topic: string,
    private readonly timeoutMs: number,
    private readonly report: (error: Error) => void,
  ) {}

  /** Stores steps, without looking at what comes of them. */
  async write(steps: readonly WrittenStep[]): Promise<void> {
    const records = steps.map((step) => ({
      topic: this.topic,
      partition: 0,
      key: step.do === 'add' ? undefined : step.id,
      value: recordOf(step),
    }));
    const stored = await this.client.produce(records, this.timeoutMs);
    const failure = stored.find((each) => each instanceof Error);
    if (failure) throw failure;
  }

  /** Stores steps. @returns The entries that they changed, `undefined` where somebody else was first. */
  async take(steps: readonly Step[]): Promise<(DeadLetter | undefined)[]> {
    const written = steps.map((step) => ({ ...step, by: randomUUID() }));
    for (const { by } of written) this.#awaited.set(by, undefined);
    try {
      await this.write(written);
      await this.#seen();
      return written.map(({ by }) => this.#awaited.get(by));
    } finally {
      for (const { by } of written) this.#awaited.delete(by);
    }
  }

  /** Has read what is stored. Who took an entry out has to be told: nobody else can be. */
  async #seen(): Promise<void> {
    const deadline = performance.now() + this.timeoutMs;
    for (;;) {
      try {
        await this.view();
        return;
      } catch (error) {
        if (performance.now() >= deadline) throw error;
        await pause(RETRY_MS);
      }
    }
  }

  /** All entries as they were when this was called, or later. */
  view(): Promise<MemoryDeadLetterStore> {
    const reading = this.#reading.then(() => this.#readOn());
    this.#reading = reading.catch(() => undefined); // whoever asked is told
    return reading;
  }

  async #readOn(): Promise<MemoryDeadLetterStore> {
    const where = { topic: this.topic, partition: 0 };
    const end = (await this.client.offsets([where], 'next')).values().next().value;
    if (end === undefined) throw new Error(`The topic '${this.topic}' does not exist, or has no leader.`);
    if (this.#next === undefined || this.#next > end) {
      // It was made anew.
      this.#view = new MemoryDeadLetterStore();
      this.#next = (await this.client.offsets([where], 'first')).values().next().value ?? 0n;
    }
    while (this.#next < end) {
      const { records, next } = await this.client.read({ ...where, offset: this.#next });
      // Less than all would show entries that are gone, and tell who took one out that somebody else did.
      if (next === this.#next)
        throw new Error(`Kafka has more in '${this.topic}' than it gives: nothing from ${next} on.`);
      for (const record of records) await this.#apply(record);
      this.#next = next;
    }
    return this.#view;
  }

  /** What is no step changes nothing, for whoever reads it, and must not keep anybody from what is behind it. */
  async #apply({ value, offset }: KafkaRecord): Promise<void> {
    if (value === null) return;
    let step: WrittenStep;
    let changed: DeadLetter | undefined;
    try {
      step = stepIn(value);
      changed = step.do === 'add' ? await this.#added(step.letter) : await this.#changed(step);
    } catch (cause) {
      const why = toError(cause).message;
      return this.report(
        new EventSerializationError(
          `Record ${offset} of the topic '${this.topic}' is no dead letter, and is passed over: ${why}`,
          { cause },
        ),
      );
    }
    // A step that was stored twice, by a producer that tried again, changes nothing the second time.
    if (changed !== undefined && step.by !== undefined && this.#awaited.has(step.by))
      this.#awaited.set(step.by, changed);
  }

  async #added(json: Json): Promise<DeadLetter | undefined> {
    const letter = decodeLetter(json);
    await this.#view.add([letter]);
    return this.#view.get(letter.id);
  }

  async #changed(step: Exclude<Step, { do: 'add' }>): Promise<DeadLetter | undefined> {
    const entry = await this.#view.get(step.id);
    if (entry === undefined) return undefined;
    if (step.do === 'move') return this.#moved(entry, step);
    if (step.dead ? entry.status !== 'dead' : entry.status === 'retrying') return undefined;
    this.#view.restore({ ...entry, status: 'dead' });
    await this.#view.take(entry.id);
    return entry;
  }

  #moved(entry: DeadLetter, step: Extract<Step, { do: 'move' }>): DeadLetter | undefined {
    const { from, to, at, reason, event, raw, unchangedSince } = step;
    if (entry.status !== from) return undefined;
    if (unchangedSince !== undefined && entry.changedAt.getTime() > unchangedSince) return undefined;
    const { reason: _ofThePreviousChange, ...rest } = entry;
    const changed: DeadLetter = {
      ...rest,
      status: to,
      changedAt: new Date(at),
      ...(reason !== undefined && { reason }),
      ...(event !== undefined && { event: decodeEvent(event) }),
      ...(raw !== undefined && entry.raw === undefined && { raw }),
    };
    this.#view.restore(changed);
    return changed;
  }
}

function recordOf(step: WrittenStep): string {
  const { letter, event, ...facts } = step as Partial<Record<'letter' | 'event', string>>;
  let json = JSON.stringify(facts).slice(0, -1);
  if (letter !== undefined) json += `,"letter":${letter}`;
  if (event !== undefined) json += `,"event":${event}`;
  return `${json}}`;
}

/** @throws {SyntaxError} @throws {EventSerializationError} when it is not one. */
function stepIn(value: Buffer): WrittenStep {
  const step = JSON.parse(value.toString()) as Partial<WrittenStep> | null;
  if (step?.do === 'add' || step?.do === 'move' || step?.do === 'drop') return step as WrittenStep;
  throw new EventSerializationError('it was written by somebody else');
}
