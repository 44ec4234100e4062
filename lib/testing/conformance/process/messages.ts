import type { BackendFactoryContext } from '../options.js';

/**
 * What a process does with events:
 * - `publish`: it has no handler and only publishes.
 * - `record`: its handler tells the parent.
 * - `hold`: its handler tells the parent, then waits until it is released.
 * - `crash`: its handler tells the parent, then kills its process if the payload is `poison`.
 */
export type PeerBehaviour = 'publish' | 'record' | 'hold' | 'crash';

/** What a process is told to do. It answers each with {@link PeerAnswer} `done`. */
export type PeerCommand =
  | { readonly start: { readonly context: BackendFactoryContext; readonly behaviour: PeerBehaviour } }
  /** Publishes `work` with each of these, then kills itself at once if it is told to. */
  | { readonly publish: readonly unknown[]; readonly thenDie: boolean }
  /** Lets held handlers end, and waits until nothing runs. */
  | { readonly release: true }
  /** Closes the bus and the channel: nothing of ours keeps the process alive from then on. */
  | { readonly close: true };

/** One call of the handler in a process. */
export interface PeerCall {
  readonly data: unknown;
  readonly attempt: number;
  readonly redelivered: boolean;
}

/** What a process tells its parent. */
export type PeerAnswer =
  | { readonly called: PeerCall }
  | { readonly aborted: unknown }
  | { readonly done: true }
  | { readonly failed: string };

/** The one event of the cases with processes, and the id of its handler. */
export const WORK = 'work';
export const HANDLER_ID = 'h';
/** The payload that a handler which crashes cannot stand. */
export const POISON = 'poison';
