// Not the globals, so that the fake timers of a test do not stop what is sent.
import { nextTick } from 'node:process';
import { setImmediate } from 'node:timers';
import type { Channel } from 'amqplib';

/** The socket of a connection, which is not in its type. */
interface Corkable {
  cork?(): void;
  uncork?(): void;
}

/**
 * Has a socket send together what is written in one turn of the event loop: amqplib writes message by message, and each
 * would be a call of the operating system, which costs more than all else.
 */
export class Gathering {
  readonly #socket: Corkable | undefined;
  #open = false;
  /** Something is about to be written that amqplib has not written yet. */
  #more = false;

  constructor(channel: Channel) {
    this.#socket = (channel.connection as { readonly stream?: Corkable }).stream;
  }

  /** Something is about to be written. */
  begin(): void {
    this.#more = true;
    if (this.#open || this.#socket?.uncork === undefined) return;
    this.#open = true;
    this.#socket.cork?.();
    this.#endLater();
  }

  /** After amqplib, which writes in an immediate that it asks for in the second tick from now. */
  #endLater(): void {
    this.#more = false;
    nextTick(() => nextTick(() => setImmediate(() => this.#end())));
  }

  #end(): void {
    this.#socket?.uncork?.();
    // What came since is written in the next turn.
    if (this.#more) {
      this.#socket?.cork?.();
      this.#endLater();
    } else {
      this.#open = false;
    }
  }
}
