import type { Event } from './event.js';
import type { EventDefinition } from './schema/define-event.js';

/**
 * Names and payloads of string-named events, added to by declaration merging. While it is empty, any name and any
 * payload are accepted; from the first entry on, `emit*` and `@OnEvent` accept only what stands here.
 *
 * @example
 * declare module 'nestjs-durable-events' {
 *   interface EventMap {
 *     'order.placed': { orderId: string };
 *   }
 * }
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface EventMap {}

type RegisteredName = keyof EventMap & string;
type NothingRegistered = [RegisteredName] extends [never] ? true : false;

/** A name that may be emitted: one of {@link EventMap}, or any string while that is empty. */
export type EventName = NothingRegistered extends true ? string : RegisteredName;

/** A class whose instances are payloads. Its event is named by a static `type`, else by the class's own name. */
export type EventClass<T = unknown> = (abstract new (...args: never[]) => T) & { readonly type?: string };

/** What may be emitted: a name, a definition or a class. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a definition of any schema
export type EventKey = EventName | EventDefinition<string, any, any> | EventClass;

/** The payload to emit for a key: a schema's input, a class's instance, an entry of {@link EventMap}. */
export type DataOf<K> =
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- infers one of the three
  K extends EventDefinition<string, infer In, any>
    ? In
    : K extends EventClass<infer T>
      ? T
      : K extends RegisteredName
        ? EventMap[K]
        : unknown;

/**
 * The event a handler receives for a key: `EventOf<typeof OrderPlaced>`, `EventOf<'order.placed'>`,
 * `EventOf<OrderPlacedClass>`, or a union for an array. For a definition the data is the schema's output.
 */
export type EventOf<K> =
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- infers one of the three
  K extends EventDefinition<infer N, any, infer Out>
    ? Event<Out, N>
    : K extends EventClass<infer T>
      ? Event<T>
      : K extends readonly (infer E)[]
        ? EventOf<E>
        : K extends string
          ? EventOfPattern<K>
          : never;

type EventOfPattern<P extends string> = NothingRegistered extends true
  ? // eslint-disable-next-line @typescript-eslint/no-explicit-any -- nothing is known of an unregistered payload
    Event<any>
  : EventOfName<NamesMatching<P>>;

/** Distributes, so that a handler of several names gets a union that narrows on `event.type`. */
type EventOfName<N> = N extends RegisteredName ? Event<EventMap[N], N> : never;

/** The registered names that a pattern stands for. */
type NamesMatching<P extends string> = P extends '*' | '**'
  ? RegisteredName
  : P extends `${string}*${string}`
    ? MatchOne<P, Extract<RegisteredName, Glob<P>>>
    : Extract<RegisteredName, P>;

/** A cheap first filter: each star stands for any text. */
type Glob<P extends string> = P extends `${infer A}**${infer B}`
  ? `${A}${string}${Glob<B>}`
  : P extends `${infer A}*${infer B}`
    ? `${A}${string}${Glob<B>}`
    : P;

/** A final single star stands for one segment only. */
type MatchOne<P extends string, N> = P extends `${string}**`
  ? N
  : P extends `${infer A}*`
    ? N extends `${A}${infer Rest}`
      ? Rest extends `${string}${'.' | ':'}${string}`
        ? never
        : N
      : never
    : N;

/** The names and patterns among the keys that stand for no event. */
type UnknownName<K> = NothingRegistered extends true
  ? never
  : K extends string
    ? [NamesMatching<K>] extends [never]
      ? K
      : never
    : never;

/**
 * A key, or a list of keys, each of which stands for at least one event; anything else turns into a readable
 * compile error.
 */
export type ValidPattern<K> = [UnknownName<K extends readonly (infer E)[] ? E : K>] extends [never]
  ? K
  : `No event is named or matches '${UnknownName<K extends readonly (infer E)[] ? E : K> & string}'.`;

/** The arguments after the key: the payload may be left out only where `undefined` is a valid one. */
export type EmitArguments<K, Options> =
  undefined extends DataOf<K> ? [data?: DataOf<K>, options?: Options] : [data: DataOf<K>, options?: Options];
