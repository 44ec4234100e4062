// Not the global, so that the fake timers of a test do not stop acknowledgements.
import { setImmediate } from 'node:timers';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Requests } from '../../clients/nats/requests.js';
import type { Claim } from './claim.js';

/** What there is to say about a message, as JetStream wants it. */
export const ACK = Buffer.from('+ACK');
export const NAK = Buffer.from('-NAK');
export const TERM = Buffer.from('+TERM');

interface Word {
  readonly claim: Claim;
  readonly text: Uint8Array;
}

/** What an acknowledger works with. */
export interface AcknowledgerParts {
  readonly nc: NatsConnection;
  readonly requests: Requests;
  /** The server has taken these words, or has not answered. */
  readonly onSaid: (claims: readonly Claim[], error: Error | undefined) => void;
  /** It was too late for a word: the message may be somebody else's. */
  readonly onStale: (claim: Claim) => void;
}

/**
 * Says the last word about messages. All words of one turn of the event loop go together, and the server is asked to
 * confirm the last of them: a consumer takes the words of a connection one after the other, so that this confirms them
 * all. What was not confirmed when a connection was lost is said again over the next.
 */
export class Acknowledger {
  /** By consumer, because each goes at its own pace. */
  #waiting = new Map<Claim['kind'], Word[]>();
  #due = false;
  #unconfirmed = 0;
  #onConfirmed: (() => void)[] = [];

  constructor(private readonly parts: AcknowledgerParts) {}

  /** Words that are not confirmed. */
  get size(): number {
    return this.#unconfirmed;
  }

  say(claim: Claim, text: Uint8Array): void {
    this.#unconfirmed++;
    const words = this.#waiting.get(claim.kind);
    if (words === undefined) this.#waiting.set(claim.kind, [{ claim, text }]);
    else words.push({ claim, text });
    if (this.#due) return;
    this.#due = true;
    setImmediate(() => this.flush());
  }

  /** Says at once what waits for the end of this turn. */
  flush(): void {
    this.#due = false;
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const words of waiting.values()) this.#send(words.filter((word) => this.#inTime(word)));
  }

  /** Resolves when every word is confirmed, or given up. */
  async confirmed(): Promise<void> {
    this.flush();
    if (this.#unconfirmed > 0) await new Promise<void>((resolve) => void this.#onConfirmed.push(resolve));
  }

  /** The server takes what a former owner says for the word of the present one, so it must not come late. */
  #inTime({ claim }: Word): boolean {
    if (!claim.expired) return true;
    this.parts.onStale(claim);
    this.#less(1);
    return false;
  }

  #send(words: readonly Word[]): void {
    const last = words.at(-1);
    if (last === undefined) return;
    const { nc, requests, onSaid } = this.parts;
    const message = {
      subject: last.claim.reply,
      data: last.text,
      before: () => {
        for (const { claim, text } of words) if (claim !== last.claim) nc.publish(claim.reply, text);
      },
      wanted: () => words.every(({ claim }) => !claim.expired),
    };
    requests.send(message, (error) => {
      onSaid(
        words.map(({ claim }) => claim),
        error,
      );
      this.#less(words.length);
    });
  }

  #less(count: number): void {
    this.#unconfirmed -= count;
    if (this.#unconfirmed === 0) for (const resolve of this.#onConfirmed.splice(0)) resolve();
  }
}
