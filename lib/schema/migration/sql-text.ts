import type { ObjectTransform, Transform } from './plan.js';

/** Where rows with events are. */
export interface EventTable {
  /** Name of the table, with its schema where it needs one: `app.events`. */
  readonly table: string;
  readonly columns: { readonly type: string; readonly version: string; readonly data: string };
}

/** Whether SQL can do it: what is inside arrays is left to upcasters. */
export function isSafeInSql(transform: Transform): boolean {
  return transform.kind === 'object' && transform.inside.every((nested) => isSafeInSql(nested.transform));
}

/** An UPDATE of the rows of one version. Running it again changes nothing. */
export function updateText(
  { table, columns }: EventTable,
  type: string,
  from: number,
  transform: ObjectTransform,
): string {
  const data = `${identifier(columns.data)}::jsonb`;
  return [
    `UPDATE ${table.split('.').map(identifier).join('.')}`,
    `SET ${identifier(columns.data)} = ${objectText(transform, data, [])}, ${identifier(columns.version)} = ${from + 1}`,
    `WHERE ${identifier(columns.type)} = ${text(type)} AND ${identifier(columns.version)} = ${from};`,
  ].join('\n');
}

function objectText({ drop, set, inside }: ObjectTransform, data: string, path: readonly string[]): string {
  const value = path.length === 0 ? data : at(data, path);
  let result =
    drop.length === 0 ? value : `(${value} - ${drop.map((field) => `${text(field)}::text`).join(' - ')})`;
  const values = (ifMissing: boolean) =>
    set.filter((each) => each.ifMissing === ifMissing).map(({ field, value }) => [field, value] as const);
  const [always, missing] = [values(false), values(true)];
  if (always.length > 0) result = `(${result} || ${json(Object.fromEntries(always))})`;
  // What the row has goes over what it may lack.
  if (missing.length > 0) result = `(${json(Object.fromEntries(missing))} || ${result})`;
  for (const { field, transform } of inside) {
    if (transform.kind !== 'object') continue;
    const within = [...path, field];
    const changed = `${result} || jsonb_build_object(${text(field)}::text, ${objectText(transform, data, within)})`;
    result = `(CASE WHEN jsonb_typeof(${at(data, within)}) = 'object' THEN ${changed} ELSE ${result} END)`;
  }
  return result;
}

function at(data: string, path: readonly string[]): string {
  return `(${data} #> ARRAY[${path.map(text).join(', ')}])`;
}

function json(value: unknown): string {
  return `${text(JSON.stringify(value))}::jsonb`;
}

/** A string, whatever the session takes a backslash for. */
function text(value: string): string {
  const quoted = `'${value.replaceAll("'", "''")}'`;
  return value.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
