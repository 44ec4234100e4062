import { takesNothing, type JsonSchema, strings } from '../json-schema.js';
import { type Difference, directions, listed, type Pair, sameJson } from './difference.js';

/** The JSON types that a schema takes; `undefined` for all. */
export function typesOf(schema: JsonSchema): readonly string[] | undefined {
  if (takesNothing(schema)) return [];
  const { type } = schema;
  if (typeof type === 'string') return [type];
  if (Array.isArray(type)) return strings(type);
  const values = valuesOf(schema);
  return values && [...new Set(values.map(typeOfValue))];
}

/** The only values that a schema takes; `undefined` when it does not list them. */
export function valuesOf(schema: JsonSchema): readonly unknown[] | undefined {
  if ('const' in schema) return [schema['const']];
  return Array.isArray(schema['enum']) ? schema['enum'] : undefined;
}

function typeOfValue(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (Number.isInteger(value)) return 'integer';
  return typeof value;
}

function covers(reader: readonly string[] | undefined, writer: readonly string[] | undefined): boolean {
  if (reader === undefined) return true;
  if (writer === undefined) return false;
  return writer.every((type) => reader.includes(type) || (type === 'integer' && reader.includes('number')));
}

/** Which types came and went. */
export function* compareTypes({ path, from, to }: Pair): Generator<Difference> {
  const [before, after] = [typesOf(from.written), typesOf(to.written)];
  const backward = !covers(typesOf(to.read), before);
  const forward = !covers(typesOf(from.read), after);
  const [widened, narrowed] = [covers(after, before), covers(before, after)];
  if (widened && narrowed && !backward && !forward) return;
  const kind = widened === narrowed ? 'type-changed' : widened ? 'type-widened' : 'type-narrowed';
  const message = `was ${typeNames(before)} and is ${typeNames(after)}`;
  yield { kind, path, message, breaks: directions(backward, forward) };
}

/** Whether data of one version can at all be data of the other, so that looking into it makes sense. */
export function shareType({ from, to }: Pair): boolean {
  const [before, after] = [typesOf(from.written), typesOf(to.written)];
  if (before === undefined || after === undefined) return true;
  const numeric = (types: readonly string[]) => types.map((type) => (type === 'integer' ? 'number' : type));
  return numeric(before).some((type) => numeric(after).includes(type));
}

function typeNames(types: readonly string[] | undefined): string {
  return types === undefined ? 'anything' : types.length === 0 ? 'nothing' : types.join(' or ');
}

/** Which of the listed values came and went. */
export function* compareValues({ path, from, to }: Pair): Generator<Difference> {
  const lost = missingValues(valuesOf(from.written), valuesOf(to.read));
  if (lost !== undefined) {
    const message =
      lost.length > 0 ? `does not take ${listed(lost)} any more` : `takes only ${listed(valuesOf(to.read)!)}`;
    yield { kind: 'values-removed', path, message, breaks: ['backward'] };
  }
  const gained = missingValues(valuesOf(to.written), valuesOf(from.read));
  if (gained !== undefined) {
    const message =
      gained.length > 0 ? `can be ${listed(gained)} now` : 'can be other values than those it listed';
    yield { kind: 'values-added', path, message, breaks: ['forward'] };
  }
}

/** The values that a writer may write and a reader refuses: `[]` when they cannot be listed, `undefined` when none. */
function missingValues(
  written: readonly unknown[] | undefined,
  read: readonly unknown[] | undefined,
): readonly unknown[] | undefined {
  if (read === undefined) return undefined;
  if (written === undefined) return [];
  const missing = written.filter((value) => !read.some((other) => sameJson(value, other)));
  return missing.length > 0 ? missing : undefined;
}
