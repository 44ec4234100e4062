import { checkWhole, refusedOption } from '../../clients/options.js';
import { EventConfigurationError } from '../../errors.js';
import type { Event } from '../../event.js';
import { assertEventName } from '../../handlers/pattern.js';
import type { EventDefinition } from '../../schema/define-event.js';
import type { AnyDefinition, EventNamed, KnownName, NewEventNamed, NewEventOf } from './event-names.js';
import type { NewEvent } from './new-event.js';

/** For each event by its name, the state after it. An event without a function leaves the state as it is. */
export type Reducers<S, K extends string, D extends AnyDefinition> = {
  readonly [N in K]: N extends KnownName<D>
    ? (state: S, event: EventNamed<N, D>) => S
    : `No event is named '${N}'.`;
};

/** Options of {@link defineAggregate}. */
export interface AggregateOptions<S> {
  /** First part of the names of its streams, such as `order` for `order-4711`. */
  readonly name: string;
  /** The state before the first event. */
  readonly initial: () => S;
  /**
   * Saves a snapshot of the state whenever this many events came since the last one, so that a long stream need not be
   * read from its beginning. The state must then survive `JSON.stringify`. Default: never.
   */
  readonly snapshotEvery?: number | undefined;
  /**
   * Names the form of the state in snapshots. Change it together with the state: snapshots of another form are not
   * used. Default `1`.
   */
  readonly form?: string | undefined;
}

declare const commands: unique symbol;

/** What an aggregate is: a state, and how its events change it. Made by {@link defineAggregate}. */
export interface AggregateDefinition<S = unknown, E extends Event = Event, C extends NewEvent = NewEvent> {
  readonly name: string;
  readonly initial: () => S;
  /** The state after an event. */
  readonly evolve: (state: S, event: E) => S;
  readonly snapshotEvery: number | undefined;
  readonly form: string;
  /** Definitions of its events, by their names and former names. */
  readonly events: ReadonlyMap<string, EventDefinition>;
  /** Only for the compiler: never there. */
  readonly [commands]?: C;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a definition of any state and events
export type AnyAggregateDefinition = AggregateDefinition<any, any, any>;
/** The state of an aggregate: `StateOf<typeof orders>`. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- infers one of the three
export type StateOf<D> = D extends AggregateDefinition<infer S, any, any> ? S : never;
/** The events of an aggregate, as its commands give them: `NewEventsOf<typeof orders>`. */
export type NewEventsOf<D> =
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- infers one of the three
  D extends AggregateDefinition<any, any, infer C> ? C : never;

/** Keeps a function, which is an object without names, from being taken for reducers by name. */
interface NoFunction {
  readonly [Symbol.hasInstance]?: never;
}

/** A condition that always holds, but that keeps the compiler from looking at the result before it knows the state. */
type ReducerOfAll<S, E, D> = D extends readonly AnyDefinition[] ? (state: S, event: E) => S : never;

/** The names of the events: those with a reducer, else those with a definition. */
type Names<K extends string, D extends AnyDefinition> = [K] extends [never] ? D['name'] : K;

/**
 * Defines an aggregate as plain functions.
 *
 * @param options `evolve` is an object with a reducer for each event, or one reducer for all of them. The types of the
 *   events are those of `EventMap`; of `events`, where definitions stand there; or what the one reducer declares. Data
 *   that is saved is checked by a definition's schema, and data that is read is brought to its version.
 * @throws {EventConfigurationError} naming the option that cannot be used.
 *
 * @example
 * export const orders = defineAggregate({
 *   name: 'order',
 *   initial: (): Order => ({ status: 'new' }),
 *   evolve: {
 *     'order.placed': (order, { data }) => ({ ...order, status: 'placed', cents: data.cents }),
 *     'order.paid': (order) => ({ ...order, status: 'paid' }),
 *   },
 * });
 */
export function defineAggregate<
  S,
  K extends string = never,
  const D extends readonly AnyDefinition[] = [],
  E extends Event = EventNamed<Names<K, D[number]>, D[number]>,
>(
  options: AggregateOptions<S> & {
    readonly events?: D;
    readonly evolve: (Reducers<NoInfer<S>, K, D[number]> & NoFunction) | ReducerOfAll<NoInfer<S>, E, D>;
  },
): AggregateDefinition<
  S,
  E,
  [Names<K, D[number]>] extends [never] ? NewEventOf<E> : NewEventNamed<Names<K, D[number]>, D[number]>
> {
  const { name, initial, events = [], evolve, snapshotEvery, form = '1' } = options;
  const user = `defineAggregate('${name}')`;
  if (typeof name !== 'string' || name === '') throw refusedOption('name', name, user, 'a non-empty string');
  if (typeof initial !== 'function') throw refusedOption('initial', initial, user, 'a function');
  if (typeof form !== 'string' || form === '') throw refusedOption('form', form, user, 'a non-empty string');
  if (snapshotEvery !== undefined) checkWhole('snapshotEvery', snapshotEvery, user);
  return {
    name,
    initial,
    evolve: reducerOf<S>(evolve, user),
    snapshotEvery,
    form,
    events: byName(events, user),
  };
}

/** One that has its events, whatever it declares. */
type Reducer<S> = (state: S, event: Event) => S;

function reducerOf<S>(evolve: unknown, user: string): Reducer<S> {
  if (typeof evolve === 'function') return evolve as Reducer<S>;
  if (typeof evolve !== 'object' || evolve === null) {
    throw refusedOption('evolve', evolve, user, 'a function, or an object with a function for each event');
  }
  const reducers = new Map(Object.entries(evolve as Record<string, Reducer<S>>));
  for (const [name, reducer] of reducers) {
    assertEventName(name);
    if (typeof reducer !== 'function') {
      throw refusedOption(`evolve['${name}']`, reducer, user, 'a function');
    }
  }
  return (state, event) => {
    const reducer = reducers.get(event.type);
    return reducer === undefined ? state : reducer(state, event);
  };
}

function byName(definitions: readonly EventDefinition[], user: string): ReadonlyMap<string, EventDefinition> {
  const found = new Map<string, EventDefinition>();
  for (const definition of definitions) {
    for (const name of [definition.name, ...definition.aliases]) {
      if (found.has(name)) {
        throw new EventConfigurationError(`Option 'events' of ${user} has two definitions of '${name}'.`);
      }
      found.set(name, definition);
    }
  }
  return found;
}
