import type { Msg, MsgHdrs, NatsConnection, Subscription } from '@nats-io/transport-node';
import { toError } from '../../dispatch/failure.js';

/** What came back, or why nothing did; and whether it had been sent more than once. */
export type OnReply = (error: Error | undefined, reply?: Msg, resent?: boolean) => void;

/** No one listens on the subject of a request, as when a stream is missing. */
export class NoRespondersError extends Error {
  constructor(subject: string) {
    super(`nobody answers on '${subject}'`);
  }
}

/** What is sent. */
export interface Outgoing {
  readonly subject: string;
  readonly data: string | Uint8Array;
  readonly headers?: MsgHdrs | undefined;
  /** Publishes what has to reach the server just before it, each time that it is sent. */
  readonly before?: () => void;
  /** Asked before it is sent again over a new connection. Default: yes. */
  readonly wanted?: () => boolean;
}

interface Waiting {
  readonly deadline: number;
  readonly message: Outgoing;
  readonly done: OnReply;
  resent: boolean;
}

/**
 * Requests whose replies share one subscription and one timer: many may be under way, each costs a place in a map. A
 * reply is found by the last part of its subject. What was not answered when a connection was lost is sent again over the
 * next: all of it may be done twice.
 */
export class Requests {
  /** In the order of their deadlines, because all have the same time. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #inbox: string;
  readonly #subscription: Subscription;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param inbox A subject that is unique to this object, without wildcards.
   * @param timeoutMs From sending to the answer.
   */
  constructor(
    private readonly nc: NatsConnection,
    inbox: string,
    private readonly timeoutMs: number,
    private readonly connected: () => boolean,
  ) {
    this.#inbox = `${inbox}.`;
    this.#subscription = nc.subscribe(`${inbox}.*`, { callback: (_, message) => this.#arrived(message) });
  }

  /** Requests without an answer so far. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Sends a request. `done` is called once: with the reply, or with an error when the time is up. */
  send(message: Outgoing, done: OnReply): void {
    const token = (this.#count++).toString(36);
    this.#waiting.set(token, { deadline: performance.now() + this.timeoutMs, message, done, resent: false });
    this.#timer ??= setTimeout(() => this.#expire(), this.timeoutMs);
    if (this.connected()) this.#publish(token, message);
  }

  /** As {@link send}, as a promise. */
  request(message: Outgoing): Promise<Msg> {
    return new Promise((resolve, reject) => {
      this.send(message, (error, reply) => {
        if (error === undefined) resolve(reply!);
        else reject(error);
      });
    });
  }

  /** The connection is there again. */
  resend(): void {
    for (const [token, waiting] of this.#waiting) {
      const { message, done } = waiting;
      if (message.wanted?.() !== false) {
        waiting.resent = true;
        this.#publish(token, message);
        continue;
      }
      this.#waiting.delete(token);
      done(new Error('the connection was lost for too long'));
    }
  }

  /** Fails what is under way. */
  close(): void {
    clearTimeout(this.#timer);
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    if (!this.nc.isClosed()) this.#subscription.unsubscribe();
    for (const { done } of waiting) done(new Error('the backend was closed'));
  }

  /** What the client refuses, as for its size or because its connection is being closed, is no trouble of the others. */
  #publish(token: string, { subject, data, headers, before }: Outgoing): void {
    try {
      before?.();
      this.nc.publish(subject, data, { reply: this.#inbox + token, headers });
    } catch (error) {
      const { done } = this.#waiting.get(token)!;
      this.#waiting.delete(token);
      done(toError(error));
    }
  }

  #arrived(message: Msg): void {
    const token = message.subject.slice(this.#inbox.length);
    const waiting = this.#waiting.get(token);
    if (waiting === undefined) return; // too late
    this.#waiting.delete(token);
    if (message.headers?.code === 503) waiting.done(new NoRespondersError(waiting.message.subject));
    else waiting.done(undefined, message, waiting.resent);
  }

  #expire(): void {
    const now = performance.now();
    for (const [token, { deadline, done }] of this.#waiting) {
      if (deadline > now) {
        this.#timer = setTimeout(() => this.#expire(), deadline - now);
        return;
      }
      this.#waiting.delete(token);
      done(new Error(`no reply within ${this.timeoutMs} ms`));
    }
    this.#timer = undefined;
  }
}
