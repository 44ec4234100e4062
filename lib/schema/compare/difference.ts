import type { JsonSchema } from '../json-schema.js';

/** Kinds of change between two versions of a schema. */
export type SchemaChangeKind =
  | 'field-added'
  | 'field-removed'
  | 'field-required'
  | 'field-optional'
  | 'fields-closed'
  | 'fields-opened'
  | 'type-changed'
  | 'type-narrowed'
  | 'type-widened'
  | 'values-removed'
  | 'values-added'
  | 'variant-removed'
  | 'variant-added'
  | 'constraint-tightened'
  | 'constraint-loosened'
  | 'constraint-changed'
  | 'not-compared';

/** `backward`: the newer version reads what the older one wrote. `forward`: the older reads what the newer wrote. */
export type Direction = 'backward' | 'forward';

/** What changed at one place, and in which directions readers break. */
export interface Difference {
  readonly kind: SchemaChangeKind;
  /** Dotted, with `[]` for the items of an array; empty for the data as a whole. */
  readonly path: string;
  readonly message: string;
  readonly breaks: readonly Direction[];
}

/** One version of a place: what is written by its output side, and what is read by its input side. */
export interface Version {
  readonly written: JsonSchema;
  readonly read: JsonSchema;
}

/** Two versions of the same place. */
export interface Pair {
  readonly path: string;
  readonly from: Version;
  readonly to: Version;
}

export function directions(backward: boolean, forward: boolean): Direction[] {
  return [...(backward ? ['backward' as const] : []), ...(forward ? ['forward' as const] : [])];
}

export function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

/** Members in one order, so that only what they say counts. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]));
}

/** Values for people, such as `'card', 'cash'`. */
export function listed(values: readonly unknown[]): string {
  return values.map((value) => (typeof value === 'string' ? `'${value}'` : JSON.stringify(value))).join(', ');
}
