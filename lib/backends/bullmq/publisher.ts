// Not the globals, so that the fake timers of a test do not stop publishing.
import { nextTick } from 'node:process';
import { setImmediate } from 'node:timers';
import type { RedisClient } from '../../clients/redis/connection.js';
import type { TimedCalls } from '../../clients/redis/timed-calls.js';
import type { PublishReceipt } from '../backend.js';
import { addJobs } from './additions.js';
import { type Addition, Batch, type NewJob } from './batch.js';
import type { Groups } from './groups.js';
import type { OpenQueue, Queues } from './queues.js';

const SETTLED = Promise.resolve();

/**
 * Adds jobs to the queues of all groups. Those published together share a round trip; there is no timer, so nobody
 * waits for company.
 */
export class Publisher {
  #batch: Batch | undefined;
  readonly #sending = new Set<Promise<void>>();
  /** The queues of the groups as they were last seen. */
  #route: { readonly groups: readonly string[]; readonly queues: readonly OpenQueue[] } | undefined;

  constructor(
    private readonly calls: TimedCalls,
    private readonly queues: Queues,
    private readonly groups: Groups,
  ) {}

  /** Jobs that Redis has not confirmed yet. */
  get unconfirmed(): boolean {
    return this.#batch !== undefined || this.#sending.size > 0;
  }

  /** Resolves when every queue has the job. */
  publish(job: NewJob): Promise<PublishReceipt | void> {
    const batch = (this.#batch ??= this.#begin());
    const stored = batch.add(job);
    if (batch.full) this.#launch(batch);
    return stored;
  }

  /** Waits until everything accepted so far is confirmed or refused. */
  async flush(): Promise<void> {
    if (this.#batch !== undefined) this.#launch(this.#batch);
    await Promise.all(this.#sending);
  }

  /** Under load a batch lasts for a turn of the event loop; a lone event goes when the code that made it has run. */
  #begin(): Batch {
    const batch = new Batch();
    const launch = () => this.#launch(batch);
    if (this.#sending.size > 0) setImmediate(launch);
    else void SETTLED.then(() => nextTick(launch));
    return batch;
  }

  /** Sends a batch that is full, or whose time is over. */
  #launch(batch: Batch): void {
    if (this.#batch !== batch) return; // it was full, and has gone
    this.#batch = undefined;
    const { additions } = batch;
    const subject = additions.length === 1 ? 'the event' : `${additions.length} events`;
    const send = () => this.calls.run((client) => this.#store(client, additions), subject);
    // To load the package is not Redis's fault, however long it takes.
    const sending: Promise<void> = (this.queues.loaded ? send() : this.queues.bullmq().then(send)).then(
      () => {
        this.#sending.delete(sending);
        batch.settle();
      },
      (error: Error) => {
        this.#sending.delete(sending);
        batch.fail(error);
      },
    );
    this.#sending.add(sending);
  }

  #store(client: RedisClient, additions: readonly Addition[]): Promise<unknown> {
    const { keyToCheck, known } = this.groups;
    if (keyToCheck === undefined && known !== undefined && known === this.#route?.groups) {
      return addJobs(this.#route.queues, additions);
    }
    return this.#storeAndLook(client, additions);
  }

  /** A group that registered since the groups were last seen gets the jobs, too, before anybody is told. */
  async #storeAndLook(client: RedisClient, additions: readonly Addition[]): Promise<void> {
    const served = new Set<string>();
    let groups = await this.groups.current(client);
    while (groups.length > 0) {
      const queues = await Promise.all(groups.map((group) => this.queues.of(group)));
      if (groups === this.groups.known) this.#route = { groups, queues };
      const key = this.groups.keyToCheck;
      // Sent first, and so answered first: who registers later starts when this has been stored.
      const members = key === undefined ? undefined : client.smembers(key);
      const [registered] = await Promise.all([members, addJobs(queues, additions)]);
      for (const group of groups) served.add(group);
      if (registered !== undefined) this.groups.see(registered);
      groups = (this.groups.known ?? []).filter((group) => !served.has(group));
    }
  }
}
