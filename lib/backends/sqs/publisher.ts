import { BatchCalls, type BatchCall } from '../../clients/aws/batch-calls.js';
import { isMissing, isPassing } from '../../clients/aws/failures.js';
import type { OutgoingMessage } from '../../clients/aws/queue-api.js';
import { bytesOf } from '../../clients/aws/queue-api.js';
import { toError } from '../../dispatch/failure.js';
import { EventConfigurationError, EventPublishError } from '../../errors.js';
import { pause } from '../../timer.js';

const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 1000;

/** Where messages go: a queue or a topic. */
export type Target = BatchCalls<OutgoingMessage>;

/** Makes a target. @param mostBytes Of all messages of a call. */
export function targetOf(call: BatchCall<OutgoingMessage>['call'], mostBytes: number): Target {
  return new BatchCalls({ call, sizeOf: bytesOf, mostBytes });
}

/** Sends messages, each confirmed by itself, and again what was not confirmed while there is time. */
export class Publisher {
  readonly #stop = new AbortController();

  /**
   * @param timeoutMs After it nothing is sent again.
   * @param ensure Makes queues that are missing.
   */
  constructor(
    private readonly timeoutMs: number,
    private readonly ensure: () => Promise<unknown>,
  ) {}

  /**
   * Resolves when every target has the message.
   *
   * @throws {EventPublishError} when one refused it, or did not confirm it in time.
   */
  publish(targets: readonly Target[], message: OutgoingMessage): Promise<void> {
    if (targets.length === 1) return this.#send(targets[0]!, message);
    return Promise.all(targets.map((target) => this.#send(target, message))).then(() => undefined);
  }

  /** No more tries. */
  stop(): void {
    this.#stop.abort();
  }

  #send(target: Target, message: OutgoingMessage): Promise<void> {
    const deadline = performance.now() + this.timeoutMs;
    return target.add(message).catch((error: unknown) => this.#sendAgain(target, message, deadline, error));
  }

  async #sendAgain(
    target: Target,
    message: OutgoingMessage,
    deadline: number,
    error: unknown,
  ): Promise<void> {
    let failure = error;
    for (let wait = FIRST_RETRY_MS; ; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
      if (!isMissing(failure) && !isPassing(failure)) throw refused(failure);
      if (performance.now() + wait >= deadline || this.#stop.signal.aborted) throw unconfirmed(failure);
      await pause(wait, this.#stop.signal);
      try {
        if (isMissing(failure)) await this.ensure();
        return await target.add(message);
      } catch (next) {
        if (next instanceof EventConfigurationError) throw next;
        failure = next;
      }
    }
  }
}

function refused(cause: unknown): EventPublishError {
  const { name, message } = toError(cause);
  return new EventPublishError(`AWS refused the event: ${name}: ${message}`, { cause });
}

function unconfirmed(cause: unknown): EventPublishError {
  return new EventPublishError(
    `AWS did not confirm the event: ${toError(cause).message}. It may or may not be stored.`,
    { cause },
  );
}
