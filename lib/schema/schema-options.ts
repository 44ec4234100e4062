import { EventConfigurationError } from '../errors.js';
import { type EventDefinition, isEventDefinition } from './define-event.js';
import { SchemaRegistry } from './schema-registry.js';

/** What becomes of events that the definitions of a process do not cover. */
export interface SchemaPolicies {
  /**
   * An event arrives that no definition is known of. `ignore`: its handlers get it unchecked. `warn`: so they do, and
   * the log says so once for each type. `dead-letter`: it is kept as a dead letter. Default `ignore`.
   */
  readonly unknownType: 'ignore' | 'warn' | 'dead-letter';
  /**
   * An event arrives in a version above the one that is known. `dead-letter`: it is kept until the newer definition is
   * deployed. `accept`: its data is taken for data of the known version, so that the schema may strip what is new, for
   * good where the event becomes a dead letter later. Default `dead-letter`.
   */
  readonly unknownVersion: 'dead-letter' | 'accept';
  /** When schemas run over data. Upcasters run in any case. Default `both`. */
  readonly validate: 'publish' | 'consume' | 'both' | 'off';
}

/** The option `schemas` of the module with all its parts. */
export interface SchemasOptions extends Partial<SchemaPolicies> {
  /** Definitions by type and version. */
  readonly registry?: SchemaRegistry;
  /** Definitions, also several versions of a type; the newest is the one that applies. */
  readonly definitions?: readonly EventDefinition[];
}

/** What the option `schemas` of the module takes: definitions, a registry of them, or either with policies. */
export type SchemasOption = readonly EventDefinition[] | SchemaRegistry | SchemasOptions;

/** {@link SchemasOption} with every default filled in. @internal */
export interface ResolvedSchemas {
  readonly registry: SchemaRegistry;
  readonly policies: SchemaPolicies;
}

const ALLOWED: { readonly [K in keyof SchemaPolicies]: readonly SchemaPolicies[K][] } = {
  unknownType: ['ignore', 'warn', 'dead-letter'],
  unknownVersion: ['dead-letter', 'accept'],
  validate: ['both', 'publish', 'consume', 'off'],
};
const OPTIONS: readonly string[] = ['registry', 'definitions', ...Object.keys(ALLOWED)];

/** @throws {EventConfigurationError} naming what cannot be used, or the step that a chain of versions lacks. @internal */
export function resolveSchemas(given: SchemasOption = []): ResolvedSchemas {
  const options = optionsOf(given);
  const { registry, definitions = [] } = options;
  const policies: SchemaPolicies = {
    unknownType: policyOf(options, 'unknownType', 'ignore'),
    unknownVersion: policyOf(options, 'unknownVersion', 'dead-letter'),
    validate: policyOf(options, 'validate', 'both'),
  };
  const whole = new SchemaRegistry();
  whole.register(...(registry?.definitions() ?? []), ...definitions);
  whole.assertComplete();
  return { registry: whole, policies };
}

function optionsOf(given: SchemasOption): SchemasOptions {
  if (given instanceof SchemaRegistry) return { registry: given };
  if (Array.isArray(given)) return { definitions: given as readonly EventDefinition[] };
  if (given === null || typeof given !== 'object' || isEventDefinition(given)) {
    throw refused('schemas', given, 'a list of definitions, a SchemaRegistry, or an object with either');
  }
  const options = given as SchemasOptions;
  const unknown = Object.keys(options).find((option) => !OPTIONS.includes(option));
  if (unknown !== undefined) {
    throw new EventConfigurationError(
      `EventsModule was given the option 'schemas.${unknown}', which it does not know. It knows ${OPTIONS.join(', ')}.`,
    );
  }
  if (options.registry !== undefined && !(options.registry instanceof SchemaRegistry)) {
    throw refused('schemas.registry', options.registry, 'a SchemaRegistry');
  }
  if (options.definitions !== undefined && !Array.isArray(options.definitions)) {
    throw refused('schemas.definitions', options.definitions, 'a list of definitions');
  }
  return options;
}

function policyOf<K extends keyof SchemaPolicies>(
  options: SchemasOptions,
  name: K,
  fallback: SchemaPolicies[K],
): SchemaPolicies[K] {
  const value = (options[name] ?? fallback) as SchemaPolicies[K];
  const allowed = ALLOWED[name];
  if (allowed.includes(value)) return value;
  throw refused(`schemas.${name}`, value, `one of ${allowed.join(', ')}`);
}

function refused(option: string, value: unknown, rule: string): EventConfigurationError {
  return new EventConfigurationError(
    `EventsModule was given ${option} = ${String(value)}, but it must be ${rule}.`,
  );
}
