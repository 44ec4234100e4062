import type { Payload } from './payload.js';

/** Where the two ends meet. */
export interface Link {
  /** URL of the server. */
  readonly url: string;
  /** Bytes of a payload as JSON. */
  readonly payloadBytes: number;
}

/** The end that publishes. */
export interface Producer {
  /** Resolves when the server has it. */
  readonly send: (payload: Payload) => Promise<unknown>;
  /** Instead of `send`, for one that publishes this many at a time. */
  readonly bulk?: { readonly size: number; readonly send: (payloads: Payload[]) => Promise<unknown> };
  readonly close: () => Promise<void>;
}

/** The end that handles. */
export interface Consumer {
  readonly close: () => Promise<void>;
}

/** A way from one process to another. */
export interface Transport {
  /** Makes what has to be there before either end. */
  readonly prepare: (link: Link) => Promise<void>;
  readonly produce: (link: Link) => Promise<Producer>;
  readonly consume: (link: Link, handle: (payload: Payload) => void) => Promise<Consumer>;
}

export type TransportName = 'ours' | 'raw' | 'bullmq' | 'bullmqBulk';

/** Loads the one that is asked for and nothing else. */
export async function transportNamed(name: TransportName): Promise<Transport> {
  switch (name) {
    case 'ours':
      return (await import('./ours.js')).ours;
    case 'raw':
      return (await import('./raw.js')).raw;
    case 'bullmq':
      return (await import('./bullmq.js')).bullmq;
    case 'bullmqBulk':
      return (await import('./bullmq.js')).bullmqBulk;
  }
}
