import { compareSchemas } from '../compare/compare.js';
import type { Difference, Version } from '../compare/difference.js';
import { fieldNames, fieldOf, requires } from '../compare/fields.js';
import { compareTypes, compareValues, typesOf, valuesOf } from '../compare/types.js';
import { flatten, type JsonSchema, subschema } from '../json-schema.js';

/** What is to be done with a value of the older version, as far as the schemas tell. */
export type Transform = ObjectTransform | ItemsTransform;

/** Changes to the fields of an object. */
export interface ObjectTransform {
  readonly kind: 'object';
  readonly drop: readonly string[];
  /** Values that are the same for all data; with `ifMissing` only where the field is left out. */
  readonly set: readonly { readonly field: string; readonly value: unknown; readonly ifMissing: boolean }[];
  /** Fields that only a person can fill. */
  readonly open: readonly { readonly field: string; readonly reason: string }[];
  readonly inside: readonly {
    readonly field: string;
    readonly optional: boolean;
    readonly transform: Transform;
  }[];
}

/** The same change to every item of an array. */
export interface ItemsTransform {
  readonly kind: 'items';
  readonly each: Transform;
}

/** What cannot be derived, and why. */
export interface UnresolvedChange {
  /** Dotted, with `[]` for the items of an array; empty for the data as a whole. */
  readonly path: string;
  readonly reason: string;
}

/** The way from one version to the next. */
export interface Plan {
  readonly transform: ObjectTransform;
  readonly unresolved: readonly UnresolvedChange[];
  /** Those of {@link unresolved} that no field of {@link transform} stands for. */
  readonly elsewhere: readonly UnresolvedChange[];
}

const NO_CHANGE: ObjectTransform = { kind: 'object', drop: [], set: [], open: [], inside: [] };

/** Works out what takes data from one version to the next. */
export function planMigration(from: Version, to: Version): Plan {
  const planner = new Planner(from, to);
  const transform = planner.object('', from, to) ?? NO_CHANGE;
  const isDone = (path: string) =>
    planner.done.has(path) ||
    planner.open.some(
      (open) => path === open.path || path.startsWith(`${open.path}.`) || path.startsWith(`${open.path}[`),
    );
  const elsewhere = compareSchemas(from, to)
    .filter((difference) => isBreaking(difference) && !isDone(difference.path))
    .map(({ path, message }) => ({ path, reason: message }));
  return { transform, unresolved: [...planner.open, ...elsewhere], elsewhere };
}

function isBreaking({ breaks }: Difference): boolean {
  return breaks.includes('backward');
}

class Planner {
  /** Paths whose differences are dealt with. */
  readonly done = new Set<string>();
  readonly open: UnresolvedChange[] = [];

  constructor(
    private readonly fromRoot: Version,
    private readonly toRoot: Version,
  ) {}

  /** `undefined` when there is nothing to do, or no object on both sides. */
  object(path: string, from: Version, to: Version): ObjectTransform | undefined {
    const [before, after] = [this.#written(from), this.#read(to)];
    if (!isPlain(before, 'object') || !isPlain(after, 'object')) return undefined;
    const drop: string[] = [];
    const set: ObjectTransform['set'][number][] = [];
    const open: ObjectTransform['open'][number][] = [];
    const inside: ObjectTransform['inside'][number][] = [];
    const gone = fieldNames(before).filter((name) => fieldOf(asVersion(after), name) === undefined);
    for (const field of gone) {
      drop.push(field);
      this.done.add(join(path, field));
    }
    for (const field of fieldNames(after)) {
      const at = join(path, field);
      const present = fieldOf({ written: this.#written(to), read: after }, field)!;
      const old = fieldOf(asVersion(before), field);
      const nested = old && this.#value(at, old, present);
      if (nested !== undefined && 'reason' in nested) {
        open.push({ field, reason: nested.reason });
        this.open.push({ path: at, reason: nested.reason });
        continue;
      }
      if (requires(after, field) && (old === undefined || !requires(before, field))) {
        const value = this.#knownValue(present);
        if (value === undefined) {
          const reason = reasonFor(present.read, old, similar(present.read, gone, before));
          open.push({ field, reason });
          this.open.push({ path: at, reason });
          continue;
        }
        set.push({ field, value, ifMissing: old !== undefined });
        this.done.add(at);
      }
      if (nested !== undefined) inside.push({ field, optional: !requires(before, field), transform: nested });
    }
    const isIdle = [drop, set, open, inside].every((list) => list.length === 0);
    return isIdle ? undefined : { kind: 'object', drop, set, open, inside };
  }

  #value(path: string, from: Version, to: Version): Transform | { readonly reason: string } | undefined {
    const [before, after] = [this.#written(from), this.#read(to)];
    if (isPlain(before, 'object') && isPlain(after, 'object')) return this.object(path, from, to);
    if (isList(before) && isList(after)) {
      const [old, present] = [subschema(before['items']), subschema(after['items'])];
      const each = this.#value(`${path}[]`, asVersion(old), asVersion(present));
      if (each === undefined || 'reason' in each) return each;
      return { kind: 'items', each };
    }
    const breaking = this.#differences(from, to).filter(isBreaking);
    return breaking.length === 0 ? undefined : { reason: breaking.map(({ message }) => message).join('; ') };
  }

  /** As {@link compareSchemas}, with references into the whole documents resolved. */
  #differences(from: Version, to: Version): Difference[] {
    return compareSchemas(asVersion(this.#written(from)), asVersion(this.#read(to)));
  }

  /** A value that every event can have: the default, if it fits, or the only one there is. */
  #knownValue({ written, read }: Version): unknown {
    for (const schema of [flatten(read, this.toRoot.read), flatten(written, this.toRoot.written)]) {
      const values = valuesOf(schema);
      if (values?.length === 1) return values[0];
      const standard = schema['default'];
      if (standard === undefined) continue;
      const pair = { path: '', from: asVersion({ const: standard }), to: asVersion(schema) };
      if (![...compareTypes(pair), ...compareValues(pair)].some(isBreaking)) return standard;
    }
    return undefined;
  }

  #written({ written }: Version): JsonSchema {
    return flatten(written, this.fromRoot.written);
  }

  #read({ read }: Version): JsonSchema {
    return flatten(read, this.toRoot.read);
  }
}

function asVersion(schema: JsonSchema): Version {
  return { written: schema, read: schema };
}

function isPlain(schema: JsonSchema, type: string): boolean {
  return schema['type'] === type && schema['anyOf'] === undefined && schema['oneOf'] === undefined;
}

function isList(schema: JsonSchema): boolean {
  return isPlain(schema, 'array') && schema['prefixItems'] === undefined && !Array.isArray(schema['items']);
}

function reasonFor(schema: JsonSchema, old: Version | undefined, renamed: string | undefined): string {
  const type = typesOf(schema)?.join(' or ') ?? 'a value';
  const lack = old === undefined ? 'earlier data has nothing of it' : 'earlier data may lack it';
  const hint = renamed === undefined ? '' : `; it may be what '${renamed}' was`;
  return `${type} is required, and ${lack}${hint}`;
}

/** A field that went while this one came, of the same type: perhaps the same under another name. */
function similar(schema: JsonSchema, gone: readonly string[], before: JsonSchema): string | undefined {
  const types = typesOf(schema)?.join();
  const alike = gone.filter((name) => typesOf(fieldOf(asVersion(before), name)!.written)?.join() === types);
  return types !== undefined && alike.length === 1 ? alike[0] : undefined;
}

function join(path: string, field: string): string {
  return path === '' ? field : `${path}.${field}`;
}
