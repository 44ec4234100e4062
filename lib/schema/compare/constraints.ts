import type { JsonSchema } from '../json-schema.js';
import { type Difference, directions, listed, type Pair, sameJson } from './difference.js';

/** A limit as it reads, and how much it refuses: a reader must not refuse more than a writer does. */
interface Limit {
  readonly keyword: string;
  readonly value: number;
  /** Among limits of the same value, the one that excludes it refuses more. */
  readonly exclusive: boolean;
}

const LOWER = [
  ['minimum', 'exclusiveMinimum'],
  ['minLength'],
  ['minItems'],
  ['minProperties'],
  ['minContains'],
];
const UPPER = [
  ['maximum', 'exclusiveMaximum'],
  ['maxLength'],
  ['maxItems'],
  ['maxProperties'],
  ['maxContains'],
];
/** Keywords where only the same value is known to take the same data. */
const EXACT = ['pattern', 'format', 'multipleOf', 'contentEncoding', 'contentMediaType'];
/** Keywords that take schemas, or more, and that are only compared as they are written. */
const OPAQUE =
  'not if then else patternProperties propertyNames dependentSchemas dependentRequired dependencies contains unevaluatedProperties unevaluatedItems additionalItems allOf $ref $dynamicRef'.split(
    ' ',
  );

/** Which limits were drawn in or let out. */
export function* compareConstraints(pair: Pair): Generator<Difference> {
  for (const keywords of LOWER) yield* compareLimit(pair, keywords, 1);
  for (const keywords of UPPER) yield* compareLimit(pair, keywords, -1);
  for (const keyword of EXACT) yield* compareExact(pair, keyword);
  yield* compareUniqueness(pair);
  yield* compareOpaque(pair);
}

function* compareLimit(
  { path, from, to }: Pair,
  keywords: readonly string[],
  sign: 1 | -1,
): Generator<Difference> {
  const before = limitOf(from.written, keywords, sign);
  const after = limitOf(to.written, keywords, sign);
  const backward = refusesMore(limitOf(to.read, keywords, sign), before, sign);
  const forward = refusesMore(limitOf(from.read, keywords, sign), after, sign);
  const tightened = refusesMore(after, before, sign);
  if (!tightened && !refusesMore(before, after, sign) && !backward && !forward) return;
  yield {
    kind: tightened || backward ? 'constraint-tightened' : 'constraint-loosened',
    path,
    message: `had ${limitName(before, keywords)} and has ${limitName(after, keywords)}`,
    breaks: directions(backward, forward),
  };
}

function limitOf(schema: JsonSchema, keywords: readonly string[], sign: 1 | -1): Limit | undefined {
  let strictest: Limit | undefined;
  for (const keyword of keywords) {
    const value = schema[keyword];
    if (typeof value !== 'number') continue;
    const limit = { keyword, value, exclusive: keyword.startsWith('exclusive') };
    if (refusesMore(limit, strictest, sign)) strictest = limit;
  }
  return strictest;
}

function refusesMore(a: Limit | undefined, b: Limit | undefined, sign: 1 | -1): boolean {
  if (a === undefined) return false;
  if (b === undefined) return true;
  if (a.value === b.value) return a.exclusive && !b.exclusive;
  return (a.value - b.value) * sign > 0;
}

function limitName(limit: Limit | undefined, keywords: readonly string[]): string {
  return limit === undefined ? `no ${keywords[0]}` : `${limit.keyword} ${limit.value}`;
}

function* compareExact({ path, from, to }: Pair, keyword: string): Generator<Difference> {
  const [before, after] = [from.written[keyword], to.written[keyword]];
  const refuses = (reader: JsonSchema, written: unknown) =>
    reader[keyword] !== undefined && !sameJson(reader[keyword], written);
  const breaks = directions(refuses(to.read, before), refuses(from.read, after));
  if (sameJson(before, after) && breaks.length === 0) return;
  const kind =
    before === undefined
      ? 'constraint-tightened'
      : after === undefined
        ? 'constraint-loosened'
        : 'constraint-changed';
  const name = (value: unknown) => (value === undefined ? `no ${keyword}` : `${keyword} ${listed([value])}`);
  yield { kind, path, message: `had ${name(before)} and has ${name(after)}`, breaks };
}

function* compareUniqueness({ path, from, to }: Pair): Generator<Difference> {
  const unique = (schema: JsonSchema) => schema['uniqueItems'] === true;
  const [before, after] = [unique(from.written), unique(to.written)];
  const breaks = directions(unique(to.read) && !before, unique(from.read) && !after);
  if (before === after && breaks.length === 0) return;
  const kind = after ? 'constraint-tightened' : 'constraint-loosened';
  yield { kind, path, message: after ? 'takes each item only once' : 'takes an item several times', breaks };
}

/** What is written the same means the same. What is not may mean anything, so it counts as breaking. */
function* compareOpaque({ path, from, to }: Pair): Generator<Difference> {
  for (const keyword of OPAQUE) {
    const sides = [to.written, from.read, to.read].map((schema) => schema[keyword]);
    if (sides.every((side) => sameJson(side, from.written[keyword]))) continue;
    const message = `'${keyword}' differs, which cannot be compared: taken for breaking`;
    yield { kind: 'not-compared', path, message, breaks: ['backward', 'forward'] };
  }
}
