import type { Event } from '../../event.js';
import type { EventMap } from '../../event-types.js';
import type { EventDefinition } from '../../schema/define-event.js';
import type { NewEvent } from './new-event.js';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a definition of any schema
export type AnyDefinition = EventDefinition<string, any, any>;

type RegisteredName = keyof EventMap & string;

/**
 * The names that can be used: any while `EventMap` is empty, else those in it; and those of the definitions, which, being
 * open to the last, keep the compiler from looking at results of reducers before it knows the state.
 */
export type KnownName<D extends AnyDefinition> =
  ([RegisteredName] extends [never] ? string : RegisteredName) | D['name'];

/** What a definition of the name reads, else what `EventMap` says. */
export type DataNamed<N extends string, D extends AnyDefinition> = N extends D['name']
  ? // eslint-disable-next-line @typescript-eslint/no-explicit-any -- infers one of the three
    Extract<D, { readonly name: N }> extends EventDefinition<string, any, infer Out>
    ? Out
    : never
  : N extends RegisteredName
    ? EventMap[N]
    : // eslint-disable-next-line @typescript-eslint/no-explicit-any -- nothing is known of an unregistered payload
      any;

/** What a definition of the name takes, else what `EventMap` says. */
type InputNamed<N extends string, D extends AnyDefinition> = N extends D['name']
  ? // eslint-disable-next-line @typescript-eslint/no-explicit-any -- infers one of the three
    Extract<D, { readonly name: N }> extends EventDefinition<string, infer In, any>
    ? In
    : never
  : DataNamed<N, D>;

/** The event of each name, as it is read. */
export type EventNamed<N extends string, D extends AnyDefinition> = N extends unknown
  ? Event<DataNamed<N, D>, N>
  : never;

/** The event of each name, as a command gives it. */
export type NewEventNamed<N extends string, D extends AnyDefinition> = N extends unknown
  ? NewEvent<N, InputNamed<N, D>>
  : never;

/** What a command gives for an event that is read so. */
export type NewEventOf<E> = E extends Event<infer T, infer N> ? NewEvent<N, T> : never;
