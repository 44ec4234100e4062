import { flatten, type JsonSchema, subschema, takesNothing } from '../json-schema.js';
import { compareConstraints } from './constraints.js';
import { type Difference, directions, type Pair, sameJson, type Version } from './difference.js';
import { added, compareRequired, fieldNames, fieldOf, isClosedTo, removed } from './fields.js';
import { compareTypes, compareValues, shareType, typesOf, valuesOf } from './types.js';

/** The documents that references of either side point into. */
interface Roots {
  readonly from: Version;
  readonly to: Version;
}

/**
 * The differences between two versions, by the JSON Schemas of what they write and what they read: not whether two
 * schemas are written alike, but whether a reader takes what a writer may write.
 */
export function compareSchemas(from: Version, to: Version): Difference[] {
  const comparison = new Comparison({ from, to });
  return [...comparison.at({ path: '', from, to })];
}

class Comparison {
  /** Pairs that are being compared further up: schemas may contain themselves. */
  readonly #open: [JsonSchema, JsonSchema][] = [];

  constructor(private readonly roots: Roots) {}

  *at(place: Pair): Generator<Difference> {
    const pair = this.#flat(place);
    const open: [JsonSchema, JsonSchema] = [pair.from.written, pair.to.written];
    if (this.#open.some(([from, to]) => sameJson(from, open[0]) && sameJson(to, open[1]))) return;
    this.#open.push(open);
    try {
      yield* this.#compare(pair);
    } finally {
      this.#open.pop();
    }
  }

  *#compare(pair: Pair): Generator<Difference> {
    const before = this.#branches(pair.from, this.roots.from);
    const after = this.#branches(pair.to, this.roots.to);
    if (before.length > 1 || after.length > 1) return yield* this.#compareBranches(pair.path, before, after);
    const { path } = pair;
    const only = { path, from: before[0]!, to: after[0]! };
    yield* compareTypes(only);
    if (!shareType(only)) return;
    yield* compareValues(only);
    yield* compareConstraints(only);
    yield* this.#compareFields(only);
    yield* this.#compareItems(only);
  }

  /** Unions: each branch needs one on the other side that reads it. Where only one remains, it is looked into. */
  *#compareBranches(path: string, before: Version[], after: Version[]): Generator<Difference> {
    const isNull = ({ written }: Version) => sameJson(typesOf(written), ['null']);
    const [from, to] = [before.filter((each) => !isNull(each)), after.filter((each) => !isNull(each))];
    if (from.length === 1 && to.length === 1) {
      const [nullBefore, nullAfter] = [before.some(isNull), after.some(isNull)];
      if (nullBefore && !nullAfter)
        yield { kind: 'type-narrowed', path, message: 'cannot be null any more', breaks: ['backward'] };
      if (!nullBefore && nullAfter)
        yield { kind: 'type-widened', path, message: 'can be null now', breaks: ['forward'] };
      return yield* this.at({ path, from: from[0]!, to: to[0]! });
    }
    const twins = before.map((old) => after.find((present) => sameKind(old, present)));
    if (before.length === after.length && twins.every((twin) => twin !== undefined)) {
      for (const [i, twin] of twins.entries()) yield* this.at({ path, from: before[i]!, to: twin });
      return;
    }
    const breaks = (pair: Pair, direction: 'backward' | 'forward') =>
      [...this.at(pair)].some((difference) => difference.breaks.includes(direction));
    for (const old of before) {
      if (after.some((present) => !breaks({ path, from: old, to: present }, 'backward'))) continue;
      const message = `does not take ${describe(old.written)} any more`;
      yield { kind: 'variant-removed', path, message, breaks: ['backward'] };
    }
    for (const present of after) {
      if (before.some((old) => !breaks({ path, from: old, to: present }, 'forward'))) continue;
      const message = `can be ${describe(present.written)} now`;
      yield { kind: 'variant-added', path, message, breaks: ['forward'] };
    }
  }

  *#compareFields({ path, from, to }: Pair): Generator<Difference> {
    const names = new Set(
      [from, to].flatMap(({ written, read }) => [...fieldNames(written), ...fieldNames(read)]),
    );
    for (const name of names) {
      const at = path === '' ? name : `${path}.${name}`;
      const [old, present] = [fieldOf(from, name), fieldOf(to, name)];
      if (old === undefined && present !== undefined) yield added(at, name, from, to);
      else if (old !== undefined && present === undefined) yield removed(at, name, from, to);
      else if (old !== undefined && present !== undefined) {
        yield* compareRequired(at, name, from, to);
        yield* this.at({ path: at, from: old, to: present });
      }
    }
    yield* this.#compareOtherFields({ path, from, to });
  }

  /** The fields that neither version names. */
  *#compareOtherFields({ path, from, to }: Pair): Generator<Difference> {
    const [wasClosed, isClosed] = [isClosedTo(from.read), isClosedTo(to.read)];
    const backward = isClosed && !isClosedTo(from.written);
    const forward = wasClosed && !isClosedTo(to.written);
    if (wasClosed !== isClosed || backward || forward) {
      const closed = isClosed && !wasClosed;
      const message = closed ? 'refuses fields that it does not know' : 'takes fields that it does not know';
      yield {
        kind: closed ? 'fields-closed' : 'fields-opened',
        path,
        message,
        breaks: directions(backward, forward),
      };
    }
    if (isClosed || wasClosed || isClosedTo(from.written) || isClosedTo(to.written)) return;
    const others = ({ written, read }: Version) => ({
      written: otherFields(written),
      read: otherFields(read),
    });
    const pair = { path: path === '' ? '*' : `${path}.*`, from: others(from), to: others(to) };
    if ([pair.from, pair.to].some(({ written, read }) => !isEmpty(written) || !isEmpty(read)))
      yield* this.at(pair);
  }

  *#compareItems({ path, from, to }: Pair): Generator<Difference> {
    const lengths = [from, to].map(({ written }) => tupleOf(written).length);
    if (lengths[0] !== lengths[1]) {
      const message = `was a tuple of ${lengths[0]} and is one of ${lengths[1]}`;
      yield { kind: 'type-changed', path, message, breaks: ['backward', 'forward'] };
      return;
    }
    for (let i = 0; i < lengths[0]!; i++) {
      const item = ({ written, read }: Version) => ({
        written: subschema(tupleOf(written)[i]),
        read: subschema((tupleOf(read).length > i ? tupleOf(read) : tupleOf(written))[i]),
      });
      yield* this.at({ path: `${path}[${i}]`, from: item(from), to: item(to) });
    }
    const items = ({ written, read }: Version) => ({ written: itemsOf(written), read: itemsOf(read) });
    const pair = { path: `${path}[]`, from: items(from), to: items(to) };
    if ([pair.from, pair.to].some(({ written, read }) => !isEmpty(written) || !isEmpty(read)))
      yield* this.at(pair);
  }

  #flat({ path, from, to }: Pair): Pair {
    return { path, from: flatVersion(from, this.roots.from), to: flatVersion(to, this.roots.to) };
  }

  /** The alternatives that a place has; one, unless it is a union. */
  #branches(version: Version, roots: Version): Version[] {
    const written = branchesOf(version.written, roots.written);
    const read = branchesOf(version.read, roots.read);
    return written.map((each, i) => ({
      written: each,
      read: read.length === written.length ? read[i]! : read.length === 1 ? read[0]! : each,
    }));
  }
}

function flatVersion({ written, read }: Version, roots: Version): Version {
  return { written: flatten(written, roots.written), read: flatten(read, roots.read) };
}

function branchesOf(schema: JsonSchema, root: JsonSchema): JsonSchema[] {
  const keyword = ['anyOf', 'oneOf'].find((each) => Array.isArray(schema[each]));
  if (keyword !== undefined) {
    const { [keyword]: branches, ...beside } = schema;
    return (branches as unknown[]).flatMap((branch) =>
      branchesOf(flatten(isEmpty(beside) ? branch : { allOf: [branch, beside] }, root), root),
    );
  }
  const { type } = schema;
  // Null is a branch of its own, so that a value that may be missing is compared as the value.
  if (!Array.isArray(type) || !type.includes('null') || type.length === 1) return [schema];
  const others = type.filter((each) => each !== 'null');
  return [{ ...schema, type: others.length === 1 ? others[0] : others }, { type: 'null' }];
}

function otherFields(schema: JsonSchema): JsonSchema {
  return subschema(schema['additionalProperties']);
}

/** The items that have a place of their own: `prefixItems`, in drafts before 2020-12 a list of `items`. */
function tupleOf({ prefixItems, items }: JsonSchema): readonly unknown[] {
  return Array.isArray(prefixItems) ? prefixItems : Array.isArray(items) ? items : [];
}

function itemsOf({ items, additionalItems }: JsonSchema): JsonSchema {
  return subschema(Array.isArray(items) ? additionalItems : items);
}

function isEmpty(schema: JsonSchema): boolean {
  return Object.keys(schema).length === 0;
}

/** Whether two branches have the same constant fields, as those of a tagged union, or the same single type. */
function sameKind(a: Version, b: Version): boolean {
  const [tagsA, tagsB] = [tagsOf(a.written), tagsOf(b.written)];
  if (Object.keys(tagsA).length > 0 || Object.keys(tagsB).length > 0) return sameJson(tagsA, tagsB);
  const types = typesOf(a.written);
  return types?.length === 1 && types[0] !== 'object' && sameJson(types, typesOf(b.written));
}

function tagsOf(schema: JsonSchema): Readonly<Record<string, unknown>> {
  const tags = fieldNames(schema).flatMap((name) => {
    const values = valuesOf(fieldOf({ written: schema, read: schema }, name)!.written);
    return values?.length === 1 ? [[name, values[0]] as const] : [];
  });
  return Object.fromEntries(tags);
}

function describe(schema: JsonSchema): string {
  if (takesNothing(schema)) return 'nothing';
  if (typeof schema['title'] === 'string') return schema['title'];
  const values = valuesOf(schema);
  if (values !== undefined) return values.map((value) => JSON.stringify(value)).join(' or ');
  const types = typesOf(schema)?.join(' or ') ?? 'anything';
  const tags = Object.entries(tagsOf(schema)).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  const parts = tags.length > 0 ? tags : fieldNames(schema);
  return parts.length > 0 ? `${types} { ${parts.join(', ')} }` : types;
}
