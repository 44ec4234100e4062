import type { StandardSchemaV1 } from '@standard-schema/spec';
import { compareSchemas } from './compare/compare.js';
import type { Difference, Direction, SchemaChangeKind, Version } from './compare/difference.js';
import { type JsonSchemaDraft, jsonSchemaOf } from './json-schema.js';

/**
 * Who has to understand whom. `backward`: the newer version reads what the older wrote, so that consumers are deployed
 * first. `forward`: the older version reads what the newer writes, so that producers are. `full`: both.
 */
export type CompatibilityMode = 'backward' | 'forward' | 'full';

/** One change between two versions. */
export interface SchemaChange {
  readonly kind: SchemaChangeKind;
  /** Dotted, with `[]` for the items of an array, such as `lines[].sku`; empty for the data as a whole. */
  readonly path: string;
  /** Whether it breaks readers, in the mode that was asked for. */
  readonly breaking: boolean;
  /** What changed, and why that breaks or not. */
  readonly message: string;
}

/** Whether two versions are compatible, and everything that changed. */
export interface CompatibilityReport {
  readonly compatible: boolean;
  /** In the order of the fields. */
  readonly changes: readonly SchemaChange[];
}

const MODES: { readonly [M in CompatibilityMode]: readonly Direction[] } = {
  backward: ['backward'],
  forward: ['forward'],
  full: ['backward', 'forward'],
};

export function isCompatibilityMode(value: unknown): value is CompatibilityMode {
  return typeof value === 'string' && Object.hasOwn(MODES, value);
}

export function reportOf(differences: readonly Difference[], mode: CompatibilityMode): CompatibilityReport {
  const changes = differences.map(({ kind, path, message, breaks }) => ({
    kind,
    path,
    breaking: breaks.some((direction) => MODES[mode].includes(direction)),
    message,
  }));
  return { compatible: changes.every(({ breaking }) => !breaking), changes };
}

/** The differences of two schemas. What has no JSON Schema cannot be compared, which is one that breaks. */
export function differencesOf(
  from: StandardSchemaV1 | undefined,
  to: StandardSchemaV1 | undefined,
): Difference[] {
  const [before, after] = [versionOf(from), versionOf(to)];
  const warnings = [
    'warning' in before ? `the older version cannot be compared: ${before.warning}` : [],
    'warning' in after ? `the newer version cannot be compared: ${after.warning}` : [],
  ].flat();
  if ('warning' in before || 'warning' in after) {
    const breaks: Direction[] = ['backward', 'forward'];
    return warnings.map((message) => ({ kind: 'not-compared', path: '', message, breaks }));
  }
  return compareSchemas(before, after);
}

/** What a version writes and reads. A side that cannot be told is taken to be as the other. */
export function versionOf(schema: StandardSchemaV1 | undefined): Version | { readonly warning: string } {
  const drafts: readonly JsonSchemaDraft[] = ['draft-2020-12', 'draft-07'];
  let warning = '';
  for (const draft of drafts) {
    const written = jsonSchemaOf(schema, 'output', draft);
    const read = jsonSchemaOf(schema, 'input', draft);
    if ('schema' in written)
      return { written: written.schema, read: 'schema' in read ? read.schema : written.schema };
    if ('schema' in read) return { written: read.schema, read: read.schema };
    warning ||= written.warning;
  }
  return { warning };
}
