import type { Message } from '@aws-sdk/client-sqs';
import { isMissing } from '../../clients/aws/failures.js';
import type { ReceiveRequest } from '../../clients/aws/queue-api.js';
import { within } from '../../clients/in-time.js';
import { toError } from '../../dispatch/failure.js';

/** Messages that one request can bring. */
const MOST = 10;
/** Requests that wait at SQS at once. */
const MOST_REQUESTS = 10;
const FIRST_RETRY_MS = 200;
const MAX_RETRY_MS = 2000;
/** How long requests may go on when the process stops: what SQS sends to nobody is not seen until its lease ends. */
const STOP_MS = 1000;

/** What a receiver works with. */
export interface ReceiverParts {
  readonly receive: (request: Pick<ReceiveRequest, 'most' | 'signal'>) => Promise<readonly Message[]>;
  /** How many messages there is room for now. */
  readonly room: () => number;
  /** Whether this process has work that another one may get from it while it stops. */
  readonly busy: () => boolean;
  readonly onMessage: (message: Message) => void;
  /** Makes the queue again when it is gone. */
  readonly ensure: () => Promise<unknown>;
  readonly report: (error: Error) => void;
}

/** Asks for as many messages as there is room for: by one request that waits, and by more when they come back full. */
export class Receiver {
  readonly #requests = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #stopping = false;
  /** What all requests together may still bring. */
  #asked = 0;
  /** How many requests are worth it. */
  #wanted = 1;
  #retryMs = FIRST_RETRY_MS;
  #retry: NodeJS.Timeout | undefined;
  #ok = true;

  constructor(private readonly parts: ReceiverParts) {}

  /** Whether SQS answers. */
  get ok(): boolean {
    return this.#ok;
  }

  /** There may be room. */
  poke(): void {
    if (this.#stopping || this.#retry !== undefined) return;
    while (this.#requests.size < this.#wanted) {
      const room = Math.min(MOST, this.parts.room() - this.#asked);
      // Further requests are for full loads.
      if (room < (this.#requests.size === 0 ? 1 : MOST)) return;
      const request = this.#request(room).finally(() => {
        this.#requests.delete(request);
        this.poke();
      });
      this.#requests.add(request);
    }
  }

  /** Asks for nothing more. Resolves when nothing comes any more. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#retry);
    if (this.parts.busy()) await within(STOP_MS, Promise.all(this.#requests));
    this.#stop.abort();
    await Promise.all(this.#requests);
  }

  async #request(most: number): Promise<void> {
    this.#asked += most;
    let messages: readonly Message[];
    try {
      messages = await this.parts.receive({ most, signal: this.#stop.signal });
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#failed(toError(error));
      return;
    } finally {
      this.#asked -= most;
    }
    this.#ok = true;
    this.#retryMs = FIRST_RETRY_MS;
    if (messages.length < MOST) this.#wanted = Math.max(1, this.#wanted - 1);
    else this.#wanted = Math.min(MOST_REQUESTS, this.#wanted * 2);
    for (const message of messages) this.parts.onMessage(message);
  }

  /** An outage is reported once, not with every attempt to end it. */
  #failed(error: Error): void {
    if (this.#ok) this.parts.report(error);
    this.#ok = false;
    this.#wanted = 1;
    if (this.#stopping) return;
    this.#retry ??= setTimeout(() => void this.#again(error), this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
  }

  async #again(error: Error): Promise<void> {
    try {
      if (isMissing(error)) await this.parts.ensure();
    } catch (cause) {
      this.parts.report(toError(cause)); // the next request tells whether it is there
    }
    this.#retry = undefined;
    this.poke();
  }
}
