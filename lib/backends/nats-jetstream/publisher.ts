import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { NoRespondersError, type Requests } from '../../clients/nats/requests.js';
import { EventConfigurationError, EventPublishError } from '../../errors.js';
import { pause } from '../../timer.js';
import type { PublishReceipt } from '../backend.js';

/** A message for a stream. */
export interface NewMessage {
  readonly subject: string;
  readonly data: string;
  readonly headers: MsgHdrs;
}

/** What JetStream answers to a publish. */
interface PubAck {
  readonly duplicate?: boolean;
  readonly seq?: number;
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description?: string };
}

const RETRY_MS = 50;
const DUPLICATE: PublishReceipt = Object.freeze({ duplicate: true });
/** JetStream's code for a stream that may not grow. */
const STREAM_FULL = 10077;
/** And for one that expected another message to be the last of its subject. */
const WRONG_LAST_SEQUENCE = 10071;
/** How the answer to a message that was stored begins; those of errors begin otherwise. */
const STORED = /^\{"stream":"[^"]*", ?"seq":\d+\}$/;

/** Publishes to streams. Many messages may be under way; each is confirmed by itself. */
export class Publisher {
  readonly #stop = new AbortController();

  /** @param ensure Makes streams that are missing. */
  constructor(
    private readonly requests: Requests,
    private readonly timeoutMs: number,
    private readonly ensure: () => Promise<void>,
  ) {}

  /**
   * Resolves when JetStream has the message.
   *
   * @throws {EventPublishError} when it refused it, or did not confirm it in time.
   */
  publish(message: NewMessage): Promise<PublishReceipt | void> {
    return new Promise((resolve, reject) => {
      this.requests.send(message, (error, reply, resent = false) => {
        if (error === undefined) {
          const text = Buffer.from(
            reply!.data.buffer,
            reply!.data.byteOffset,
            reply!.data.byteLength,
          ).toString('latin1');
          if (STORED.test(text)) return resolve();
        }
        this.#otherwise(message, error, reply, resent).then(resolve, reject);
      });
    });
  }

  /** No more tries. */
  stop(): void {
    this.#stop.abort();
  }

  /** Neither stored nor lost: a duplicate, a refusal, or nobody there. */
  async #otherwise(
    message: NewMessage,
    error: Error | undefined,
    reply: Msg | undefined,
    resent: boolean,
  ): Promise<PublishReceipt | void> {
    const deadline = performance.now() + this.timeoutMs;
    for (;;) {
      const result = error ?? outcomeOf(reply!);
      // What was sent more than once may be a duplicate of itself.
      if (!(result instanceof Error)) return result.duplicate === true && !resent ? DUPLICATE : undefined;
      if (!isPassing(result) || performance.now() >= deadline || this.#stop.signal.aborted)
        throw failed(result);
      try {
        if (result instanceof NoRespondersError) await this.ensure();
      } catch (cause) {
        if (cause instanceof EventConfigurationError) throw cause;
        // It is not up yet: the next try tells.
      }
      await pause(RETRY_MS, this.#stop.signal);
      resent ||= !(result instanceof NoRespondersError);
      try {
        reply = await this.requests.request(message);
        error = undefined;
      } catch (cause) {
        error = cause as Error;
      }
    }
  }
}

/** Refused by JetStream. */
class RefusedError extends Error {
  constructor(
    message: string,
    readonly passing: boolean,
    /** JetStream's code. */
    readonly reason?: number,
  ) {
    super(message);
  }
}

/** Whether a message was refused because its subject had another one since. */
export function isOvertaken(error: unknown): boolean {
  const { cause } = error as EventPublishError;
  return cause instanceof RefusedError && cause.reason === WRONG_LAST_SEQUENCE;
}

function outcomeOf(reply: Msg): PubAck | Error {
  let ack: PubAck;
  try {
    ack = reply.json<PubAck>();
  } catch {
    return new RefusedError('the answer is not one of JetStream', false);
  }
  if (ack.error !== undefined) {
    const { code, err_code, description = 'unknown' } = ack.error;
    return new RefusedError(description, code === 503 && err_code !== STREAM_FULL, err_code);
  }
  return ack.seq === undefined ? new RefusedError('the answer is not one of JetStream', false) : ack;
}

/** JetStream starts, or a cluster chooses a leader. */
function isPassing(error: Error): boolean {
  return error instanceof NoRespondersError || (error instanceof RefusedError && error.passing);
}

function failed(cause: Error): EventPublishError {
  if (cause instanceof RefusedError) {
    return new EventPublishError(`JetStream refused the event: ${cause.message}.`, { cause });
  }
  if (cause instanceof NoRespondersError) {
    return new EventPublishError(
      `JetStream did not store the event: ${cause.message}. Check that the server runs with JetStream (nats-server -js).`,
      { cause },
    );
  }
  return new EventPublishError(
    `JetStream did not confirm the event: ${cause.message}. It may or may not be stored.`,
    { cause },
  );
}
