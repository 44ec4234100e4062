import type { StandardSchemaV1 } from '@standard-schema/spec';
import { EventConfigurationError } from '../../errors.js';
import type { JsonSchema } from '../json-schema.js';
import type { FieldOptions, FieldType, FieldsSchema, ScalarType } from './field-types.js';

export interface Issue extends StandardSchemaV1.Issue {
  readonly path: PropertyKey[];
}

/** Gives the value as handlers get it, or adds what is wrong with it. */
export type Check = (value: unknown, issues: Issue[]) => unknown;

/** How values of one type are checked, and which JSON Schemas say the same of what is taken and of what is given. */
export interface TypeRule {
  readonly check: Check;
  readonly input: JsonSchema;
  readonly output: JsonSchema;
}

const SCALARS: { readonly [T in ScalarType]: TypeRule } = {
  string: scalar('a string', { type: 'string' }, (value) => typeof value === 'string'),
  number: scalar('a finite number', { type: 'number' }, Number.isFinite),
  integer: scalar('a whole number', { type: 'integer' }, Number.isInteger),
  boolean: scalar('true or false', { type: 'boolean' }, (value) => typeof value === 'boolean'),
  date: bothSides(checkDate, { type: 'string', format: 'date-time' }),
  unknown: bothSides((value) => value, {}),
};

function scalar(want: string, jsonSchema: JsonSchema, is: (value: unknown) => boolean): TypeRule {
  const check: Check = (value, issues) => (is(value) ? value : wrong(issues, want, value));
  return bothSides(check, jsonSchema);
}

function bothSides(check: Check, jsonSchema: JsonSchema): TypeRule {
  return { check, input: jsonSchema, output: jsonSchema };
}

/** RFC 3339 with a time: `Date` would read much more, and dates without a time differently. */
const DATE_TIME = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

function checkDate(value: unknown, issues: Issue[]): unknown {
  const date = typeof value === 'string' && DATE_TIME.test(value) ? new Date(value) : value;
  const isDate = date instanceof Date && !Number.isNaN(date.getTime());
  return isDate ? date : wrong(issues, 'a valid Date, or one as RFC 3339 text', value);
}

/** @throws {EventConfigurationError} when the type is none. */
export function ruleOf(name: string, type: FieldType): TypeRule {
  if (typeof type === 'string' && Object.hasOwn(SCALARS, type)) return SCALARS[type];
  if (Array.isArray(type) && type.length === 1) return listRule(ruleOf(name, type[0] as FieldType));
  const nested = FIELDS.get(type as object);
  if (nested !== undefined) return nested;
  const shown = typeof type === 'object' ? JSON.stringify(type) : type;
  throw new EventConfigurationError(
    `fields(): field '${name}' has the type ${shown}. Use one of ${Object.keys(SCALARS).join(', ')}, another fields({ … }), or a list with one of them.`,
  );
}

/** The rules behind what `fields()` has made, so that one can be part of another. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- fields of any shape
export const FIELDS = new WeakMap<object | FieldsSchema<any, any>, TypeRule>();

function listRule({ check, input, output }: TypeRule): TypeRule {
  return {
    input: { type: 'array', items: input },
    output: { type: 'array', items: output },
    check: (value, issues) => {
      if (!Array.isArray(value)) return wrong(issues, 'a list', value);
      const items: unknown[] = [];
      for (let i = 0; i < value.length; i++) items.push(checkAt(i, check, value[i], issues));
      return items;
    },
  };
}

/** Checks a part, and puts its key before the paths of what is wrong with it. */
export function checkAt(key: PropertyKey, check: Check, value: unknown, issues: Issue[]): unknown {
  const before = issues.length;
  const checked = check(value, issues);
  for (let i = before; i < issues.length; i++) issues[i]!.path.unshift(key);
  return checked;
}

/** @throws {EventConfigurationError} when the values do not fit the type. */
export function enumRule(name: string, rule: TypeRule, values: Required<FieldOptions>['enum']): TypeRule {
  const type = rule.input['type'];
  const issues: Issue[] = [];
  const isList = Array.isArray(values) && values.length > 0;
  if (isList && ['string', 'number', 'integer'].includes(type as string))
    for (const each of values) rule.check(each, issues);
  else issues.push({ message: '', path: [] });
  if (issues.length > 0 || rule === SCALARS.date) {
    throw new EventConfigurationError(
      `fields(): field '${name}' has an enum that is not a list of values of its type. Give it strings for 'string', numbers for 'number' or 'integer'.`,
    );
  }
  const allowed = new Set<unknown>(values);
  const want = `one of ${values.map((value) => JSON.stringify(value)).join(', ')}`;
  const check: Check = (value, issues) => (allowed.has(value) ? value : wrong(issues, want, value));
  return bothSides(check, { ...rule.input, enum: [...values] });
}

/** Adds an issue that says what was there, but not what it said: it may be nobody's business. */
export function wrong(issues: Issue[], want: string, value: unknown): undefined {
  issues.push({ message: `must be ${want}, but is ${kindOf(value)}`, path: [] });
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : 'a Date';
  if (typeof value === 'number') return Number.isFinite(value) ? 'another number' : String(value);
  if (typeof value === 'string') return 'another string';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
