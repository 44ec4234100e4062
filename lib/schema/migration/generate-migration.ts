import { EventConfigurationError } from '../../errors.js';
import { differencesOf, reportOf, type SchemaChange, versionOf } from '../compatibility.js';
import type { Version } from '../compare/difference.js';
import type { EventDefinition } from '../define-event.js';
import { planMigration, type UnresolvedChange } from './plan.js';
import { isSafeInSql, updateText } from './sql-text.js';
import { typeText } from './type-text.js';
import { type PlannedStep, upcasterText } from './upcaster-text.js';

/** Options of `SchemaRegistry.generateMigration`. */
export interface MigrationOptions {
  /** Table with stored events, with its schema where it needs one: `app.events`. Default `event_store`, that of `PostgresEventStore`. */
  readonly table?: string;
  /** Columns with the name, the version and the data of an event. Default `event_type`, `version` and `data`. */
  readonly columns?: { readonly type?: string; readonly version?: string; readonly data?: string };
  /** For which database the SQL is. Default `postgres`, the only one so far. */
  readonly dialect?: 'postgres';
}

/** A change that only a person can make, and the version whose upcaster has to make it. */
export interface UnresolvedMigration extends UnresolvedChange {
  /** The version that the step takes. */
  readonly version: number;
}

/** What takes data from one version to a later one. */
export interface Migration {
  /** What changed between the first and the last version; `breaking` says that data cannot stay as it is. */
  readonly changes: readonly SchemaChange[];
  /** A TypeScript module that exports `upcast`. What is in {@link unresolved} calls `todo()`, which throws. */
  readonly upcaster: string;
  /**
   * One UPDATE for each version, to be run in this order. Left out when something is unresolved, or is to be done to
   * the items of an array. Stored events need it not, for upcasters run on read; it is for queries of one's own.
   */
  readonly sql?: readonly string[];
  /** What does not follow from the schemas. */
  readonly unresolved: readonly UnresolvedMigration[];
}

/** @param versions Definitions of one type, each one version above the one before. */
export function generateMigration(
  versions: readonly EventDefinition[],
  { table = 'event_store', columns, dialect = 'postgres' }: MigrationOptions = {},
): Migration {
  if (dialect !== 'postgres') {
    throw new EventConfigurationError(
      `generateMigration() was given the dialect ${String(dialect)}. It writes SQL for 'postgres' only.`,
    );
  }
  const where = { table, columns: { type: 'event_type', version: 'version', data: 'data', ...columns } };
  const schemas = versions.map(schemasOf);
  const steps = versions
    .slice(1)
    .map(({ name }, i) => planStep(name, versions[i]!.version, schemas[i]!, schemas[i + 1]!));
  const unresolved = steps.flatMap(({ from, plan }) =>
    plan.unresolved.map((each) => ({ version: from, ...each })),
  );
  const isSafe = unresolved.length === 0 && steps.every(({ plan }) => isSafeInSql(plan.transform));
  const sql = steps.map(({ type, from, plan }) => updateText(where, type, from, plan.transform));
  return {
    changes: reportOf(differencesOf(versions[0]!.schema, versions.at(-1)!.schema), 'backward').changes,
    upcaster: upcasterText(steps),
    ...(isSafe && { sql }),
    unresolved,
  };
}

function schemasOf({ name, version, schema }: EventDefinition): Version {
  const found = versionOf(schema);
  if (!('warning' in found)) return found;
  throw new EventConfigurationError(
    `No migration can be derived from version ${version} of event '${name}': ${found.warning}.`,
  );
}

function planStep(type: string, from: number, before: Version, after: Version): PlannedStep {
  return {
    type,
    from,
    plan: planMigration(before, after),
    takes: typeText(before.written, before.written),
    gives: typeText(after.read, after.read),
  };
}
