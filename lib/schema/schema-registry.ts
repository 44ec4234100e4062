import { EventConfigurationError } from '../errors.js';
import type { Event } from '../event.js';
import {
  type CompatibilityMode,
  type CompatibilityReport,
  differencesOf,
  isCompatibilityMode,
  reportOf,
} from './compatibility.js';
import { type EventDefinition, isEventDefinition } from './define-event.js';
import { generateMigration, type Migration, type MigrationOptions } from './migration/generate-migration.js';
import { toCurrent, validateData } from './validate.js';
import { downcastEvent } from './versions.js';

/** A definition of any schema. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a definition is invariant in its data
export type AnyEventDefinition = EventDefinition<string, any, any>;

/** The definitions of one type. The newest one applies to its events. */
interface Versions {
  newest: AnyEventDefinition;
  readonly all: Map<number, AnyEventDefinition>;
}

/**
 * Definitions of events by type and version. Older versions keep their schemas, so that old data can be checked and
 * versions can be compared; the newest one is what handlers get.
 *
 * @example
 * const registry = new SchemaRegistry().register(OrderPlacedV1, OrderPlaced);
 * EventsModule.forRoot({ backend, schemas: registry });
 */
export class SchemaRegistry {
  readonly #types = new Map<string, Versions>();
  /** Former names, and the present one of each. */
  readonly #aliases = new Map<string, string>();

  /**
   * Adds definitions. Register before the bus is made, which takes what is there by then.
   *
   * @throws {EventConfigurationError} when a type has another definition of the same version, or a name is also the
   *   former name of another type.
   */
  register(...definitions: readonly AnyEventDefinition[]): this {
    for (const definition of definitions) this.#add(definition);
    return this;
  }

  /** The definition of a type, also by a former name: of one version, or the newest. `undefined` when there is none. */
  get(type: string, version?: number): EventDefinition | undefined {
    const versions = this.#versionsOf(type);
    return version === undefined ? versions?.newest : versions?.all.get(version);
  }

  /** The versions of a type, ascending. Empty for an unknown type. */
  versions(type: string): number[] {
    return [...(this.#versionsOf(type)?.all.keys() ?? [])].sort((a, b) => a - b);
  }

  /** The names of all types, as they were registered. */
  types(): string[] {
    return [...this.#types.keys()];
  }

  /** Every definition, the versions of a type in ascending order. */
  definitions(): EventDefinition[] {
    return this.types().flatMap((type) => this.versions(type).map((version) => this.get(type, version)!));
  }

  /**
   * Checks data against the schema of a version.
   *
   * @param version Default: the newest.
   * @returns What the schema makes of the data; a promise only when the schema is asynchronous. The data itself when the
   *   definition has no schema.
   * @throws {EventValidationError} naming every bad field. @throws {EventConfigurationError} when the version is unknown.
   */
  validate(type: string, data: unknown, version?: number): unknown {
    const { name, schema } = this.#known(type, version);
    return schema === undefined ? data : validateData(name, schema, data);
  }

  /**
   * Compares two versions by their JSON Schemas. It says nothing of upcasters: what is not compatible needs one.
   *
   * @param mode Default `backward`. A schema without JSON Schema counts as incompatible, for one cannot know.
   * @throws {EventConfigurationError} when a version is unknown.
   */
  compatibility(
    type: string,
    from: number,
    to: number,
    mode: CompatibilityMode = 'backward',
  ): CompatibilityReport {
    if (!isCompatibilityMode(mode)) {
      throw new EventConfigurationError(
        `compatibility() was given the mode ${String(mode)}. Use 'backward', 'forward' or 'full'.`,
      );
    }
    return reportOf(differencesOf(this.#known(type, from).schema, this.#known(type, to).schema), mode);
  }

  /**
   * Writes what takes data from one version to a later one, as far as it follows from the schemas. Every version between
   * has to be registered.
   *
   * @throws {EventConfigurationError} when a version is unknown or has no JSON Schema, or `to` is not above `from`.
   */
  generateMigration(type: string, from: number, to: number, options?: MigrationOptions): Migration {
    if (!(Number.isInteger(from) && Number.isInteger(to) && from < to)) {
      throw new EventConfigurationError(
        `generateMigration() was asked for versions ${from} to ${to} of '${type}'. Ask for whole numbers, the second above the first.`,
      );
    }
    const steps = Array.from({ length: to - from + 1 }, (_, i) => this.#known(type, from + i));
    return generateMigration(steps, options);
  }

  /**
   * The event in the newest version of its type, under its present name, checked. Events of unknown types are returned
   * as they are. Bound, so that it can be handed to whatever reads stored events.
   *
   * @returns A promise only when the schema is asynchronous.
   * @throws {EventValidationError} when the data does not fit.
   * @throws {UnrecoverableError} when the event is newer than its definition, or an upcaster fails.
   */
  readonly current = (event: Event): Event | Promise<Event> => {
    const definition = this.get(event.type);
    if (definition === undefined) return event;
    return toCurrent(event, definition, { validate: true, acceptNewer: false });
  };

  /**
   * The event in an earlier version, by the newest definition's `downcast` functions.
   *
   * @param version An event of that version or below is returned as it is.
   * @throws {EventConfigurationError} when the type is unknown or a step is missing.
   * @throws {UnrecoverableError} when a downcaster fails.
   */
  downcast(event: Event, version: number): Event {
    if (!Number.isInteger(version) || version < 1) {
      throw new EventConfigurationError(
        `Event '${event.type}' was to go down to version ${version}; a version is a whole number from 1.`,
      );
    }
    return downcastEvent(event, this.#known(event.type), version);
  }

  /**
   * Sees to it that old events can be brought up to date: a type whose newest definition has no upcasters must be able
   * to read every older version that is registered. The module calls it at boot.
   *
   * @throws {EventConfigurationError} naming the step that is missing and the change that needs it.
   */
  assertComplete(): void {
    for (const type of this.types()) {
      const newest = this.get(type)!;
      if (Object.keys(newest.upcast).length > 0) continue;
      for (const version of this.versions(type))
        if (version < newest.version) this.#assertReadable(newest, version);
    }
  }

  #assertReadable({ name, version, schema }: EventDefinition, old: number): void {
    const missing = (why: string) =>
      new EventConfigurationError(
        `Event '${name}' is at version ${version} and has no upcasters, but ${why}. Add upcast: { ${old}: (data) => … } to the definition of version ${version}.`,
      );
    const before = this.get(name, old)!;
    const [first] = Object.keys(before.upcast);
    if (first !== undefined) throw missing(`version ${old} was made from version ${first} by one`);
    if (before.schema === undefined || schema === undefined) return;
    const breaking = differencesOf(before.schema, schema).find(
      ({ kind, breaks }) => kind !== 'not-compared' && breaks.includes('backward'),
    );
    if (breaking === undefined) return;
    const { path, message } = breaking;
    throw missing(`data of version ${old} does not fit it: ${path === '' ? 'it' : `'${path}'`} ${message}`);
  }

  #add(definition: AnyEventDefinition): void {
    if (!isEventDefinition(definition)) {
      throw new EventConfigurationError(
        `A schema registry takes what defineEvent() returns, but was given ${String(definition)}.`,
      );
    }
    const { name, version, aliases } = definition;
    const versions = this.#types.get(name) ?? { newest: definition, all: new Map() };
    const known = versions.all.get(version);
    if (known !== undefined && known !== definition) {
      throw new EventConfigurationError(
        `Event '${name}' is defined twice in version ${version}. Define it once and import it everywhere, or give the newer definition a higher version.`,
      );
    }
    for (const alias of aliases) this.#assertFree(alias, name, this.#types.has(alias) ? alias : undefined);
    this.#assertFree(name, name);
    for (const alias of aliases) if (alias !== name) this.#aliases.set(alias, name);
    versions.all.set(version, definition);
    if (version > versions.newest.version) versions.newest = definition;
    this.#types.set(name, versions);
  }

  /** A name leads to one type only. */
  #assertFree(name: string, owner: string, other = this.#aliases.get(name)): void {
    if (other === undefined || other === owner) return;
    throw new EventConfigurationError(
      `Event '${name}' is defined twice: it is a name of '${owner}' and of '${other}'. A former name belongs to one event; define its old versions under the present name.`,
    );
  }

  #versionsOf(type: string): Versions | undefined {
    return this.#types.get(type) ?? this.#types.get(this.#aliases.get(type) ?? '');
  }

  #known(type: string, version?: number): EventDefinition {
    const definition = this.get(type, version);
    if (definition !== undefined) return definition;
    const versions = this.versions(type);
    const known =
      versions.length > 0
        ? `It knows version ${versions.join(', ')} of it.`
        : `It knows ${this.types().join(', ') || 'no types'}.`;
    const what =
      version === undefined || versions.length === 0 ? `'${type}'` : `version ${version} of '${type}'`;
    throw new EventConfigurationError(
      `The schema registry does not know ${what}. ${known} Register its definition.`,
    );
  }
}
