import type { Payload } from './payload.js';

/** Where the two ends meet. */
export interface Link {
  /** URL of the server, or a folder for files. */
  readonly url: string;
  /** What the names of queues, tables and files of this one run begin with: letters and digits. */
  readonly namespace: string;
  /** Bytes of a payload as JSON. */
  readonly payloadBytes: number;
  /** After which the work of a consumer that fell silent goes to another one. Default: that of the transport. */
  readonly leaseMs?: number;
}

/** The end that publishes. */
export interface Producer {
  /** Resolves when the server has it. */
  readonly send: (payload: Payload) => Promise<unknown>;
  /** Instead of `send`, for one that publishes this many at a time. */
  readonly bulk?: { readonly size: number; readonly send: (payloads: Payload[]) => Promise<unknown> };
  readonly close: () => Promise<void>;
}

/** What a consumer does with a payload. */
export type Handle = (payload: Payload) => void | Promise<void>;

/** The end that handles. */
export interface Consumer {
  readonly close: () => Promise<void>;
}

/** A way from one process to another. */
export interface Transport {
  /** Makes what has to be there before either end. */
  readonly prepare: (link: Link) => Promise<void>;
  readonly produce: (link: Link) => Promise<Producer>;
  readonly consume: (link: Link, handle: Handle) => Promise<Consumer>;
  /** Removes what it left at the server, unless the server is emptied anyway. */
  readonly remove?: (link: Link) => Promise<void>;
}
