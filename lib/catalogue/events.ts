import type { EventDefinition } from '../schema/define-event.js';
import type * as account from './account.js';
import type * as hooks from './hooks.js';
import type * as session from './session.js';
import type * as user from './user.js';

/** Names and data of the definitions that a module exports. */
type EventsOf<M> = {
  [D in M[keyof M] as D extends EventDefinition<infer N> ? N : never]: D extends EventDefinition<
    string,
    infer T
  >
    ? T
    : never;
};

/** Names and data of the events in the life of a user. */
export interface UserEvents extends EventsOf<typeof user> {}
/** Names and data of the events in the life of a session. */
export interface SessionEvents extends EventsOf<typeof session> {}
/** Names and data of the events in the life of an account. */
export interface AccountEvents extends EventsOf<typeof account> {}
/** Names and data of the events before and after what users do. */
export interface HookEvents extends EventsOf<typeof hooks> {}

/**
 * Names and data of the whole catalogue, for those who use names instead of definitions.
 *
 * @example
 * declare module 'nestjs-durable-events' {
 *   interface EventMap extends CatalogueEvents {}
 * }
 */
export interface CatalogueEvents extends UserEvents, SessionEvents, AccountEvents, HookEvents {}
