import { EventBusClosedError, EventConfigurationError, EventPublishError } from '../../errors.js';
import type { RedisClient, RedisConnection } from './connection.js';

/** A call under way. */
interface Call {
  /** By the monotonic clock. */
  readonly dueAt: number;
  readonly fail: (cause: Error) => void;
}

/** Calls of Redis that end in time, whatever becomes of Redis. */
export class TimedCalls {
  /** The oldest first. All have the same time, so that one timer does for all of them. */
  readonly #underWay = new Set<Call>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param user Who calls, for errors. */
  constructor(
    private readonly connection: RedisConnection,
    readonly timeoutMs: number,
    private readonly user: string,
  ) {}

  /**
   * Waits for a connection, and then for what is sent over it.
   *
   * @param subject What is sent, for errors.
   * @throws {EventPublishError} when Redis refuses or does not confirm it. What had been sent without an answer may
   *   be stored nevertheless; what waited for a connection is not.
   * @throws {EventConfigurationError} when a package is missing.
   */
  run<T>(send: (client: RedisClient) => Promise<T>, subject: string): Promise<T> {
    // No async function, and no race: every publish waits for this.
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        return reject(new EventBusClosedError(`${this.user} is closed. Publish before close().`));
      }
      const end = () => this.#end(call);
      const fail = (cause: Error) => {
        end();
        reject(failureOf(subject, cause));
      };
      const call: Call = { dueAt: performance.now() + this.timeoutMs, fail };
      this.#begin(call);
      const client = this.connection.usable;
      const sent = client === undefined ? this.#sendLater(call, send) : attempt(send, client);
      sent.then((result) => {
        end();
        resolve(result);
      }, fail);
    });
  }

  /** Refuses everything from now on, and what is still unconfirmed. */
  close(): void {
    this.#closed = true;
    for (const { fail } of this.#underWay) fail(new Error('the backend was closed'));
  }

  /** What ran out of time while it waited for a connection is not sent any more. */
  async #sendLater<T>(call: Call, send: (client: RedisClient) => Promise<T>): Promise<T> {
    const client = await this.connection.ready();
    if (!this.#underWay.has(call)) throw new Error('it was given up before it was sent');
    return send(client);
  }

  #begin(call: Call): void {
    this.#underWay.add(call);
    if (this.#timer === undefined) this.#wait(this.timeoutMs);
    else if (this.#underWay.size === 1) this.#timer.ref();
  }

  /** The timer goes on: to set it anew for each call would cost more than to let it find nothing. */
  #end(call: Call): void {
    if (this.#underWay.delete(call) && this.#underWay.size === 0) this.#timer?.unref();
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#expire(), ms);
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const { dueAt, fail } of this.#underWay) {
      if (dueAt > now) return this.#wait(Math.ceil(dueAt - now));
      fail(new Error(`no reply within ${this.timeoutMs} ms`));
    }
  }
}

async function attempt<T>(send: (client: RedisClient) => Promise<T>, client: RedisClient): Promise<T> {
  return send(client);
}

function failureOf(subject: string, cause: Error): Error {
  if (cause instanceof EventConfigurationError) return cause;
  if (cause.name === 'ReplyError') return refusal(subject, cause);
  const message = `Redis did not confirm ${subject}: ${cause.message}. It may or may not be stored.`;
  return new EventPublishError(message, { cause });
}

/** Redis said no, so nothing is stored. */
export function refusal(subject: string, cause: Error): EventPublishError {
  return new EventPublishError(`Redis refused ${subject}: ${cause.message}`, { cause });
}
