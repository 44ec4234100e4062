import type { KeepJobs } from 'bullmq';
import type { RedisConnection } from '../../clients/redis/connection.js';
import { abortion, within } from '../../clients/in-time.js';
import { inTime } from '../../clients/redis/waiting.js';
import type { DeadLetter, DeadLetterStore } from '../../dead-letters/dead-letter.js';
import { toError } from '../../dispatch/failure.js';
import { EventTimeoutError } from '../../errors.js';
import type { EventDispatcher } from '../backend.js';
import { Suspects } from '../shared/suspects.js';
import { createEventWorker, type EventWorker } from './event-worker.js';
import { type EventJob, JobClaim } from './job-claim.js';
import type { BullMQ } from './load.js';
import type { KeepFinished, ResolvedOptions } from './options.js';
import { Runner } from './runner.js';
import { RunningJobs } from './running-jobs.js';
import { BEGUN, isNotOurs, Settler } from './settler.js';
import { isNetworkError, WorkerClient } from './worker-client.js';

/** How long stopping waits for Redis to take what is known. */
const FLUSH_MS = 2000;
/** BullMQ waits so long before it repeats what a lost connection kept it from storing. */
const RETRY_MS = 1000;
const DONE = Promise.resolve();

/** What a consumer is made of. */
export interface ConsumerContext {
  readonly bullmq: BullMQ;
  readonly queue: string;
  readonly options: ResolvedOptions;
  readonly connection: RedisConnection;
  /** The store in force: the module's own, or that of the backend. */
  readonly deadLetters: DeadLetterStore;
  readonly dispatch: EventDispatcher;
  readonly report: (error: Error) => void;
  /** A dead letter that no handler made is about to be stored. */
  readonly deadLettered: (entry: DeadLetter, error: Error) => void;
}

/** The consuming side of one process: a worker of BullMQ, and a shutdown that ends. */
export class Consumer {
  readonly #settler: Settler;
  readonly #runner: Runner;
  readonly #running: RunningJobs;
  readonly #deadline = new AbortController();
  #client: WorkerClient | undefined;
  #worker: EventWorker | undefined;
  #draining: Promise<void> | undefined;
  #stale = 0;

  constructor(private readonly context: ConsumerContext) {
    const { deadLetters, dispatch, options, report, deadLettered } = context;
    this.#settler = new Settler(() => this.#worker!, deadLetters, report);
    this.#running = new RunningJobs(this.#settler, report);
    this.#runner = new Runner({
      dispatch,
      deadLetters,
      settler: this.#settler,
      suspects: new Suspects(
        options.maxDeliveries,
        ({ job }) => job.stalledCounter + 1,
        ({ id }) => this.#countBeginning(id),
      ),
      maxDeliveries: options.maxDeliveries,
      readBytes: (id) => this.#readBytes(id),
      deadLettered,
    });
  }

  /** Of this process: jobs whose handlers run, and outcomes that came after the lock was lost. */
  counters(): { readonly inFlight: number; readonly stale: number } {
    return { inFlight: this.#running.size, stale: this.#stale };
  }

  get connected(): boolean {
    return this.#client?.ready === true && this.#worker!.isRunning();
  }

  /** @throws {EventTimeoutError} when Redis does not answer within `publishTimeoutMs`. */
  async start(): Promise<void> {
    const { bullmq, queue, options, connection } = this.context;
    const workerClient = new WorkerClient(await connection.open());
    this.#client = workerClient;
    const { leaseMs } = options;
    const worker = createEventWorker(bullmq, queue, (job, token) => this.#process(job, token), {
      stalledInterval: Math.ceil(leaseMs / 2),
      ...options.workerOptions,
      connection: workerClient.client,
      prefix: options.prefix,
      concurrency: options.concurrency,
      lockDuration: leaseMs,
      lockRenewTime: Math.ceil(leaseMs / 3),
      // Ours to judge: a job that BullMQ fails has no dead letter.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      runRetryDelay: RETRY_MS,
      removeOnComplete: jobsToKeep(options.removeOnComplete),
      removeOnFail: jobsToKeep(options.removeOnFail),
    });
    this.#worker = worker;
    worker.on('error', (error) => this.#onError(error));
    worker.on('lockRenewalFailed', (ids: string[]) => this.#onLost(ids));
    await inTime(options.publishTimeoutMs, worker.waitUntilReady());
  }

  /**
   * Stops taking jobs, and waits for the running ones until the signal aborts; then gives back what is left.
   *
   * @returns How many jobs were given back since the last call.
   */
  async drain(signal: AbortSignal): Promise<number> {
    void abortion(signal).then(() => this.#deadline.abort());
    await (this.#draining ??= this.#drain());
    return this.#running.takeReleased();
  }

  /** Ends what is left, whatever Redis does. Call {@link drain} first. */
  async close(): Promise<void> {
    this.#settler.stop();
    const worker = this.#worker;
    if (worker !== undefined) {
      await worker.stopRenewing();
      // BullMQ by itself would wait for its jobs, and for Redis, without end.
      await within(FLUSH_MS, worker.getBackend().close(true));
    }
    this.#client?.close();
  }

  async #drain(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    // The one stops the timers of BullMQ at once, the other waits until it has stored what was handled.
    void worker.pause(true);
    const stored = worker.close();
    await this.#running.finish(abortion(this.#deadline.signal));
    if (!this.#client!.ready) return;
    await within(FLUSH_MS, Promise.all([stored, this.#running.givenBack()]));
  }

  /** What BullMQ calls for each job. It completes the job when this resolves, and leaves it alone when it rejects. */
  #process(job: EventJob, token: string): Promise<void> {
    const claim = new JobClaim(job, token);
    if (this.#draining !== undefined) {
      this.#running.giveBack(claim);
      return Promise.reject(this.#left());
    }
    this.#running.begin(claim);
    let done: boolean | Promise<boolean>;
    try {
      done = this.#runner.run(claim);
    } catch (error) {
      return this.#untilDone(claim, Promise.reject(toError(error)));
    }
    if (typeof done === 'boolean') {
      this.#running.end(claim);
      return done ? DONE : Promise.reject(this.#left());
    }
    return this.#untilDone(claim, done);
  }

  #untilDone(claim: JobClaim, done: Promise<boolean>): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => reject(this.#left());
      claim.surrender = leave;
      void this.#settled(claim, done).then((completes) => (completes ? resolve() : leave()));
    });
  }

  /** By its name BullMQ knows that a job has been moved already. */
  #left(): Error {
    return new this.context.bullmq.DelayedError();
  }

  async #settled(claim: JobClaim, done: Promise<boolean>): Promise<boolean> {
    try {
      return (await done) && !claim.lost;
    } catch (error) {
      // Whoever takes it up when its lock ends does what could not be done here.
      this.context.report(error as Error);
      return false;
    } finally {
      this.#running.end(claim);
    }
  }

  #onLost(ids: readonly string[]): void {
    for (const id of ids) {
      if (!this.#running.lose(id)) continue;
      const { leaseMs } = this.context.options;
      this.context.report(
        new EventTimeoutError(
          `Job ${id} lost its lock: it was not renewed for leaseMs = ${leaseMs}, and another process may have taken over.`,
        ),
      );
    }
  }

  #onError(error: Error): void {
    // Outages are told by the connection for commands, lost locks by #onLost.
    if (isNetworkError(error) || error.message.startsWith('could not renew lock')) return;
    if (isNotOurs(error)) this.#stale++;
    else this.context.report(error);
  }

  /** @returns How often a suspect was begun before. */
  async #countBeginning(id: string): Promise<number> {
    return (await this.#client!.client.hincrby(this.#worker!.toKey(id), BEGUN, 1)) - 1;
  }

  #readBytes(id: string): Promise<Buffer | null> {
    return this.#client!.client.hgetBuffer(this.#worker!.toKey(id), 'data');
  }
}

/** A worker takes its policy in one form only. */
function jobsToKeep(keep: KeepFinished): KeepJobs {
  if (typeof keep === 'object') return keep;
  if (typeof keep === 'number') return { count: keep };
  return { count: keep ? 0 : -1 };
}
