import {
  type KafkaClient,
  MissingTopicError,
  type NewRecord,
  type Stored,
} from '../../clients/kafka/client.js';
import { toError } from '../../dispatch/failure.js';
import { EventPublishError } from '../../errors.js';
import { pause } from '../../timer.js';
import { USER } from './options.js';

const RETRY_MS = 50;
const NEVER = new AbortController().signal;

type Settle = (error: Error | undefined) => void;

/** Stores records. Those of one turn of the event loop go out together. */
export class Publisher {
  #records: NewRecord[] = [];
  #settlers: Settle[] = [];
  #underWay = 0;

  /** @param began A batch begins. */
  constructor(
    private readonly client: KafkaClient,
    private readonly timeoutMs: number,
    private readonly began: () => void,
    /** Makes topics that are missing. */
    private readonly ensure: () => Promise<void>,
  ) {}

  /** Records that are not confirmed yet. */
  get size(): number {
    return this.#underWay;
  }

  /**
   * Resolves when the record is stored with all replicas in sync.
   *
   * @throws {EventPublishError} when that is not confirmed in time.
   */
  store(record: NewRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#records.length === 0) setImmediate(() => this.#send());
      this.#records.push(record);
      this.#underWay++;
      this.#settlers.push((error) => {
        this.#underWay--;
        if (error === undefined) resolve();
        else reject(failed(error));
      });
    });
  }

  #send(): void {
    const records = this.#records;
    const settlers = this.#settlers;
    this.#records = [];
    this.#settlers = [];
    this.began();
    void this.#produce(records, settlers, performance.now() + this.timeoutMs);
  }

  async #produce(
    records: readonly NewRecord[],
    settlers: readonly Settle[],
    deadline: number,
  ): Promise<void> {
    let outcomes: readonly (Stored | Error)[];
    try {
      outcomes = await this.client.produce(records, Math.max(1, deadline - performance.now()));
    } catch (error) {
      outcomes = records.map(() => toError(error));
    }
    const again: number[] = [];
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome instanceof MissingTopicError && performance.now() < deadline) again.push(i);
      else settlers[i]!(outcome instanceof Error ? outcome : undefined);
    }
    if (again.length === 0) return;
    try {
      await this.ensure();
    } catch {
      await pause(RETRY_MS, NEVER); // the next try tells
    }
    await this.#produce(
      again.map((i) => records[i]!),
      again.map((i) => settlers[i]!),
      deadline,
    );
  }
}

function failed(cause: Error): EventPublishError {
  return new EventPublishError(
    `${USER} did not store the event: ${cause.message}. It may or may not be stored.`,
    {
      cause,
    },
  );
}
