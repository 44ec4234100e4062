import { EventConfigurationError } from '../../errors.js';
import { type Check, checkAt, enumRule, FIELDS, type Issue, ruleOf, type TypeRule, wrong } from './check.js';
import type { JsonSchema } from '../json-schema.js';
import type { Field, FieldOptions, Fields, FieldsInput, FieldsOutput, FieldsSchema } from './field-types.js';

/** A field, ready to be checked. */
interface FieldRule extends TypeRule {
  readonly name: string;
  readonly required: boolean;
  /** Makes the value of a field that is left out; `undefined` when it has none. */
  readonly fallback: (() => unknown) | undefined;
}

/**
 * A schema for the simple case: names, types, and what may be left out. Fields that it does not name are taken out of
 * the data. For more, use a schema library. A Standard Schema and a Standard JSON Schema of version 1.
 *
 * @param shape For each field a type (`string`, `number`, `integer`, `boolean`, `date`, `unknown`), another `fields()`,
 *   a list with one of them, or `{ type, required, enum, default }`.
 * @throws {EventConfigurationError} naming the field whose type or options cannot be.
 *
 * @example
 * const SignedUp = defineEvent('after:signup', {
 *   schema: fields({
 *     email: 'string',
 *     age: { type: 'integer', required: false },
 *     plan: { type: 'string', enum: ['free', 'team'], default: 'free' },
 *     address: fields({ street: 'string', city: 'string' }),
 *     tags: ['string'],
 *   }),
 * });
 */
export function fields<const F extends Fields>(shape: F): FieldsSchema<FieldsInput<F>, FieldsOutput<F>> {
  if (typeof shape !== 'object' || shape === null || Array.isArray(shape) || '~standard' in shape) {
    throw new EventConfigurationError(
      `fields() takes an object with a type for each field, such as { email: 'string' }.`,
    );
  }
  const rules = Object.entries(shape).map(([name, field]) => fieldRule(name, field));
  const input = objectSchema(rules, 'input', ({ required, fallback }) => required && fallback === undefined);
  const output = {
    ...objectSchema(rules, 'output', ({ required, fallback }) => required || fallback !== undefined),
    additionalProperties: false,
  };
  const check = objectCheck(rules);
  const schema: FieldsSchema<FieldsInput<F>, FieldsOutput<F>> = Object.freeze({
    '~standard': Object.freeze({
      version: 1,
      vendor: 'nestjs-durable-events',
      validate: (data: unknown) => {
        const issues: Issue[] = [];
        const value = check(data, issues);
        return issues.length > 0 ? { issues } : { value: value as FieldsOutput<F> };
      },
      jsonSchema: {
        input: () => ({ ...structuredClone(input) }),
        output: () => ({ ...structuredClone(output) }),
      },
    } as const),
  });
  FIELDS.set(schema, { check, input, output });
  return schema;
}

function fieldRule(name: string, field: Field): FieldRule {
  const options: FieldOptions = isOptions(field) ? field : { type: field };
  const refused = (why: string) => new EventConfigurationError(`fields(): field '${name}' ${why}.`);
  const unknown = Object.keys(options).find((key) => !OPTIONS.includes(key));
  if (unknown !== undefined) throw refused(`has the option '${unknown}'. It can have ${OPTIONS.join(', ')}`);
  const { type, required = true, enum: values, default: standard } = options;
  if (typeof required !== 'boolean')
    throw refused(`has required = ${String(required)}; it must be true or false`);
  const plain = ruleOf(name, type);
  const rule = values === undefined ? plain : enumRule(name, plain, values);
  if (standard === undefined) return { ...rule, name, required, fallback: undefined };
  const issues: Issue[] = [];
  rule.check(standard, issues);
  if (issues.length > 0) throw refused(`has a default that does not fit: it ${issues[0]!.message}`);
  // Made anew each time: a list that handlers share could be changed by one of them.
  const fallback = () => rule.check(typeof standard === 'object' ? structuredClone(standard) : standard, []);
  const jsonDefault = standard instanceof Date ? standard.toJSON() : standard;
  const input = { ...rule.input, default: jsonDefault };
  const output = { ...rule.output, default: jsonDefault };
  return { check: rule.check, input, output, name, required, fallback };
}

const OPTIONS: readonly string[] = ['type', 'required', 'enum', 'default'] satisfies (keyof FieldOptions)[];

function isOptions(field: Field): field is FieldOptions {
  return typeof field === 'object' && field !== null && !Array.isArray(field) && !FIELDS.has(field);
}

function objectSchema(
  rules: readonly FieldRule[],
  side: 'input' | 'output',
  isRequired: (rule: FieldRule) => boolean,
): JsonSchema {
  const required = rules.filter(isRequired).map(({ name }) => name);
  return {
    type: 'object',
    properties: Object.fromEntries(rules.map((rule) => [rule.name, rule[side]])),
    ...(required.length > 0 && { required }),
  };
}

function objectCheck(rules: readonly FieldRule[]): Check {
  return (value, issues) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return wrong(issues, 'an object', value);
    const checked: Record<string, unknown> = {};
    for (const { name, check, required, fallback } of rules) {
      const given = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
      if (given !== undefined) put(checked, name, checkAt(name, check, given, issues));
      else if (fallback !== undefined) put(checked, name, fallback());
      else if (required) issues.push({ message: 'is required', path: [name] });
    }
    return checked;
  };
}

/** An assignment to `__proto__` would make no field. */
function put(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') target[name] = value;
  else Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}
