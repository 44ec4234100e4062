import type { StandardSchemaV1 } from '@standard-schema/spec';
import { EventConfigurationError } from '../errors.js';
import { assertEventName } from '../handlers/pattern.js';

declare const types: unique symbol;

/** Functions from one version's data to another's, by the version that they take. */
export type VersionSteps = Readonly<Record<number, (data: never) => unknown>>;

/** An event as a value: its name, version and schema in one place. Made by {@link defineEvent}. */
export interface EventDefinition<N extends string = string, In = unknown, Out = In> {
  readonly name: N;
  /** Version of the schema, from 1. */
  readonly version: number;
  readonly schema?: StandardSchemaV1<In, Out>;
  /** `upcast[n]` turns data of version n into data of version n + 1. */
  readonly upcast: VersionSteps;
  /** `downcast[n]` turns data of version n into data of version n - 1. */
  readonly downcast: VersionSteps;
  /** The version that is published: {@link version}, or an earlier one while old consumers are running. */
  readonly publishVersion: number;
  /** Former names: events that carry them are delivered under the present one. */
  readonly aliases: readonly string[];
  /** @internal Only for the compiler. */
  readonly [types]?: { readonly input: In; readonly output: Out };
}

/** Options of {@link defineEvent}. */
export interface DefineEventOptions<
  S extends StandardSchemaV1 | undefined = undefined,
  V extends number = number,
> {
  /** Version of the data, a whole number from 1. Default 1. */
  readonly version?: V;
  /** Any Standard Schema: zod, valibot, arktype and others. Checked on emit and on arrival from a broker. */
  readonly schema?: S;
  /**
   * For every earlier version, a pure, synchronous function from its data to the next version's. Those of an earlier
   * definition can be spread: `{ ...V2.upcast, 2: (v2) => v3 }`.
   */
  readonly upcast?: VersionSteps & LastUpcast<S, V>;
  /** From this version downwards, a pure, synchronous function from a version's data to the previous one's. */
  readonly downcast?: VersionSteps & FirstDowncast<S, V>;
  /**
   * Publish the data in this earlier version, for consumers that are not deployed yet. It takes the `downcast`
   * functions; handlers here get the present version all the same. Default: `version`.
   */
  readonly publishVersion?: number;
  /** Names that the event had before. */
  readonly aliases?: readonly string[];
}

/** The last upcaster has to give what the schema takes. */
type LastUpcast<S, V extends number> = S extends StandardSchemaV1
  ? { readonly [K in Before<V>]?: (data: never) => StandardSchemaV1.InferInput<S> }
  : unknown;

/** The first downcaster has to take what the schema gives. */
type FirstDowncast<S, V extends number> = S extends StandardSchemaV1
  ? { readonly [K in Known<V>]?: (data: StandardSchemaV1.InferOutput<S>) => unknown }
  : unknown;

/** A version that the compiler knows as a literal. */
type Known<V extends number> = number extends V ? never : V;

/** The version before; nothing where the compiler does not know the version, or it is above 100. */
type Before<V extends number, Counted extends unknown[] = []> = number extends V
  ? never
  : Counted['length'] extends 100
    ? never
    : [...Counted, unknown]['length'] extends V
      ? Counted['length']
      : Before<V, [...Counted, unknown]>;

/**
 * Defines an event once, for emitting and handling. Follows Standard Schema 1.
 *
 * @param name Name of the event, such as `order.placed`; no wildcards.
 * @param options Schema, version, upcasters, downcasters and former names.
 * @throws {EventConfigurationError} when a version is no whole number from 1, or the chain of upcasters or downcasters
 *   has a hole.
 *
 * @example
 * export const OrderPlaced = defineEvent('order.placed', { schema: z.object({ orderId: z.string() }) });
 * export type OrderPlaced = EventOf<typeof OrderPlaced>;
 */
export function defineEvent<N extends string, S extends StandardSchemaV1, const V extends number = number>(
  name: N,
  options: DefineEventOptions<S, V> & { readonly schema: S },
): EventDefinition<N, StandardSchemaV1.InferInput<S>, StandardSchemaV1.InferOutput<S>>;
export function defineEvent<T>(name: string, options?: DefineEventOptions): EventDefinition<string, T, T>;
export function defineEvent(
  name: string,
  {
    version = 1,
    schema,
    upcast = {},
    downcast = {},
    publishVersion = version,
    aliases = [],
  }: DefineEventOptions<StandardSchemaV1 | undefined> = {},
): EventDefinition {
  assertEventName(name);
  for (const alias of aliases) assertEventName(alias);
  if (!isVersion(version)) {
    throw new EventConfigurationError(
      `Event '${name}' has version ${version}; a version is a whole number from 1.`,
    );
  }
  if (!isVersion(publishVersion) || publishVersion > version) {
    throw new EventConfigurationError(
      `Event '${name}' has publishVersion ${publishVersion}; it must be a whole number from 1 to its version, ${version}.`,
    );
  }
  if (schema !== undefined && !isStandardSchema(schema)) {
    throw new EventConfigurationError(
      `The schema of event '${name}' is not a Standard Schema: it has no '~standard' property.`,
    );
  }
  assertUpcast(name, version, upcast);
  assertDowncast(name, version, downcast, publishVersion);
  return Object.freeze({ name, version, schema, upcast, downcast, publishVersion, aliases });
}

function isVersion(value: number): boolean {
  return Number.isInteger(value) && value >= 1;
}

/** Without any upcaster every version is taken to be compatible; with one, none may be missing. */
function assertUpcast(name: string, version: number, upcast: VersionSteps): void {
  const given = versionsOf(name, 'upcast', upcast);
  const newest = given.at(-1) ?? 0;
  if (newest >= version) {
    throw new EventConfigurationError(
      `Event '${name}' is at version ${version}, but 'upcast' has a function for version ${newest}. Set version: ${newest + 1}, or remove the function.`,
    );
  }
  if (given.length === 0) return;
  for (let from = 1; from < version; from++) {
    if (typeof upcast[from] === 'function') continue;
    throw new EventConfigurationError(
      `Event '${name}' is at version ${version}, but 'upcast' has no function for version ${from}. Add ${from}: (data) => …`,
    );
  }
}

/** The chain starts at the present version and has to reach the one that is published. */
function assertDowncast(name: string, version: number, downcast: VersionSteps, publishVersion: number): void {
  const given = versionsOf(name, 'downcast', downcast);
  const newest = given.at(-1) ?? 0;
  if (newest > version || given[0] === 1) {
    throw new EventConfigurationError(
      `Event '${name}' is at version ${version}, but 'downcast' has a function for version ${newest > version ? newest : 1}. It can have them for versions 2 to ${version}.`,
    );
  }
  const last = Math.min(given[0] ?? Infinity, publishVersion + 1);
  for (let from = version; from >= last; from--) {
    if (typeof downcast[from] === 'function') continue;
    const why = last === publishVersion + 1 ? ` and is published in version ${publishVersion}` : '';
    throw new EventConfigurationError(
      `Event '${name}' is at version ${version}${why}, but 'downcast' has no function for version ${from}. Add ${from}: (data) => …`,
    );
  }
}

function versionsOf(name: string, option: string, steps: VersionSteps): number[] {
  const versions = Object.keys(steps).filter((key) => (steps as Record<string, unknown>)[key] !== undefined);
  const wrong = versions.find((key) => !isVersion(Number(key)));
  if (wrong === undefined) return versions.map(Number).sort((a, b) => a - b);
  throw new EventConfigurationError(
    `Event '${name}' has a function for '${wrong}' in '${option}'; a version is a whole number from 1.`,
  );
}

/** ArkType's schemas are functions, so the marker decides and not `typeof`. */
export function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  return value !== null && (typeof value === 'object' || typeof value === 'function') && '~standard' in value;
}

export function isEventDefinition(value: unknown): value is EventDefinition {
  return typeof value === 'object' && value !== null && 'name' in value && 'aliases' in value;
}
