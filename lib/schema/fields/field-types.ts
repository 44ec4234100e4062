import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec';

/** Types of fields that are one value; `date` is a `Date` for handlers and RFC 3339 text on the wire. */
export type ScalarType = 'string' | 'number' | 'integer' | 'boolean' | 'date' | 'unknown';

/** What a field can be: a value, what another `fields()` describes, or a list of either. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- fields of any shape
export type FieldType = ScalarType | FieldsSchema<any, any> | readonly [FieldType];

/** A field with more to say than its type. */
export interface FieldOptions {
  readonly type: FieldType;
  /** Whether it must be there. Default true. */
  readonly required?: boolean;
  /** The only values that it can have; for strings, numbers and integers. */
  readonly enum?: readonly (string | number)[];
  /** Its value where it is left out. */
  readonly default?: unknown;
}

/** A field: its type, or its type with options. */
export type Field = FieldType | FieldOptions;

/** Names and types of fields. */
export type Fields = Readonly<Record<string, Field>>;

/** What `fields()` makes: a Standard Schema and a Standard JSON Schema. */
export interface FieldsSchema<In, Out> {
  readonly '~standard': StandardSchemaV1.Props<In, Out> & StandardJSONSchemaV1.Props<In, Out>;
}

interface Outputs {
  string: string;
  number: number;
  integer: number;
  boolean: boolean;
  date: Date;
  unknown: unknown;
}

type Side = 'input' | 'output';

type ValueOf<T, S extends Side> = T extends keyof Outputs
  ? T extends 'date'
    ? S extends 'input'
      ? Date | string
      : Date
    : Outputs[T]
  : T extends FieldsSchema<infer In, infer Out>
    ? S extends 'input'
      ? In
      : Out
    : T extends readonly [infer Item]
      ? ValueOf<Item, S>[]
      : never;

type FieldValue<F, S extends Side> = F extends { readonly enum: readonly (infer E)[] }
  ? E
  : F extends { readonly type: infer T }
    ? ValueOf<T, S>
    : ValueOf<F, S>;

type IsOptional<F, S extends Side> = F extends { readonly default: unknown }
  ? S extends 'input'
    ? true
    : false
  : F extends { readonly required: false }
    ? true
    : false;

type OptionalKeys<F, S extends Side> = {
  [K in keyof F]: IsOptional<F[K], S> extends true ? K : never;
}[keyof F];

type ObjectOf<F, S extends Side> = {
  -readonly [K in Exclude<keyof F, OptionalKeys<F, S>>]: FieldValue<F[K], S>;
} & { -readonly [K in OptionalKeys<F, S>]?: FieldValue<F[K], S> };

/** The data that `fields()` takes. */
export type FieldsInput<F> = Flat<ObjectOf<F, 'input'>>;

/** The data that `fields()` gives. */
export type FieldsOutput<F> = Flat<ObjectOf<F, 'output'>>;

type Flat<T> = { [K in keyof T]: T[K] } & {};
