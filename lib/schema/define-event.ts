import type { StandardSchemaV1 } from '@standard-schema/spec';
import { EventConfigurationError } from '../errors.js';
import { assertEventName } from '../handlers/pattern.js';

declare const types: unique symbol;

/** An event as a value: its name, version and schema in one place. Made by {@link defineEvent}. */
export interface EventDefinition<N extends string = string, In = unknown, Out = In> {
  readonly name: N;
  /** Version of the schema, from 1. */
  readonly version: number;
  readonly schema?: StandardSchemaV1<In, Out>;
  /** `upcast[n]` turns data of version n into data of version n + 1. */
  readonly upcast: Readonly<Record<number, (data: never) => unknown>>;
  /** Former names: events that carry them are delivered under the present one. */
  readonly aliases: readonly string[];
  /** @internal Only for the compiler. */
  readonly [types]?: { readonly input: In; readonly output: Out };
}

/** Options of {@link defineEvent}. */
export interface DefineEventOptions<S extends StandardSchemaV1 | undefined = undefined> {
  /** Version of the data, a whole number from 1. Default 1. */
  readonly version?: number;
  /** Any Standard Schema: zod, valibot, arktype and others. Checked on emit and on arrival from a broker. */
  readonly schema?: S;
  /** For every earlier version, a pure function from its data to the next version's. */
  readonly upcast?: Readonly<Record<number, (data: never) => unknown>>;
  /** Names that the event had before. */
  readonly aliases?: readonly string[];
}

/**
 * Defines an event once, for emitting and handling. Follows Standard Schema 1.
 *
 * @param name Name of the event, such as `order.placed`; no wildcards.
 * @param options Schema, version, upcasters and former names.
 * @throws {EventConfigurationError} when the version is no whole number from 1, or an upcaster is missing.
 *
 * @example
 * export const OrderPlaced = defineEvent('order.placed', { schema: z.object({ orderId: z.string() }) });
 * export type OrderPlaced = EventOf<typeof OrderPlaced>;
 */
export function defineEvent<N extends string, S extends StandardSchemaV1>(
  name: N,
  options: DefineEventOptions<S> & { readonly schema: S },
): EventDefinition<N, StandardSchemaV1.InferInput<S>, StandardSchemaV1.InferOutput<S>>;
export function defineEvent<T>(name: string, options?: DefineEventOptions): EventDefinition<string, T, T>;
export function defineEvent(
  name: string,
  { version = 1, schema, upcast = {}, aliases = [] }: DefineEventOptions<StandardSchemaV1 | undefined> = {},
): EventDefinition {
  assertEventName(name);
  for (const alias of aliases) assertEventName(alias);
  if (!Number.isInteger(version) || version < 1) {
    throw new EventConfigurationError(
      `Event '${name}' has version ${version}; a version is a whole number from 1.`,
    );
  }
  if (schema !== undefined && !isStandardSchema(schema)) {
    throw new EventConfigurationError(
      `The schema of event '${name}' is not a Standard Schema: it has no '~standard' property.`,
    );
  }
  if (Object.keys(upcast).length > 0) {
    for (let from = 1; from < version; from++) {
      if (typeof upcast[from] === 'function') continue;
      throw new EventConfigurationError(
        `Event '${name}' is at version ${version}, but 'upcast' has no function for version ${from}. Add ${from}: (data) => …`,
      );
    }
  }
  return Object.freeze({ name, version, schema, upcast, aliases });
}

/** ArkType's schemas are functions, so the marker decides and not `typeof`. */
export function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  return value !== null && (typeof value === 'object' || typeof value === 'function') && '~standard' in value;
}

export function isEventDefinition(value: unknown): value is EventDefinition {
  return typeof value === 'object' && value !== null && 'name' in value && 'aliases' in value;
}
