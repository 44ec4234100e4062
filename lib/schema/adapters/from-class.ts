import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec';
import { EventConfigurationError } from '../../errors.js';
import type { JsonSchema } from '../json-schema.js';
import { loadPeer } from './load-peer.js';

type Class<T> = new (...args: never[]) => T;

/** The data that makes an instance: its fields, without its methods. */
export type PlainOf<T> = T extends Date | readonly unknown[]
  ? T extends readonly (infer Item)[]
    ? PlainOf<Item>[]
    : Date | string
  : T extends object
    ? // eslint-disable-next-line @typescript-eslint/no-explicit-any -- methods of any kind
      { [K in keyof T as T[K] extends (...args: any[]) => unknown ? never : K]: PlainOf<T[K]> }
    : T;

/** Options of {@link fromClass}. */
export interface FromClassOptions {
  /** Refuse fields without a validator instead of taking them out. Default false. */
  readonly forbidUnknown?: boolean;
  /** Groups of validators that apply. Default: all without a group. */
  readonly groups?: readonly string[];
  /** What the data is in JSON Schema, of draft-07, for documents and comparisons: class-validator cannot tell. */
  readonly jsonSchema?: JsonSchema;
}

/** What {@link fromClass} makes. */
export interface ClassSchema<T> {
  readonly '~standard': StandardSchemaV1.Props<PlainOf<T>, T> &
    Partial<StandardJSONSchemaV1.Props<PlainOf<T>, T>>;
}

interface Validation {
  readonly property: string;
  readonly constraints?: Readonly<Record<string, string>>;
  readonly children?: readonly Validation[];
}

interface ClassValidator {
  getMetadataStorage(): {
    getTargetValidationMetadatas(
      target: unknown,
      schema: string,
      always: boolean,
      strict: boolean,
    ): readonly unknown[];
  };
  validate(object: object, options: object): Promise<readonly Validation[]>;
}

interface ClassTransformer {
  plainToInstance<T>(target: Class<T>, plain: object): T;
}

/**
 * A class with decorators of class-validator and class-transformer as a Standard Schema; the application installs both.
 * Handlers get an instance. Fields without a validator are taken out of the data. The schema is asynchronous, as
 * validators may be.
 *
 * @throws {EventConfigurationError} when a package is missing, or what is given is no class with validators.
 *
 * @example
 * class Signup {
 *   \@IsEmail() email!: string;
 * }
 * const SignedUp = defineEvent('after:signup', { schema: fromClass(Signup) });
 */
export function fromClass<T extends object>(
  target: Class<T>,
  { forbidUnknown = false, groups, jsonSchema }: FromClassOptions = {},
): ClassSchema<T> {
  if (typeof target !== 'function') {
    throw new EventConfigurationError(
      `fromClass() takes a class with validators, but was given ${String(target)}.`,
    );
  }
  const validator = loadPeer('class-validator', 'fromClass()') as ClassValidator;
  const transformer = loadPeer('class-transformer', 'fromClass()') as ClassTransformer;
  if (validator.getMetadataStorage().getTargetValidationMetadatas(target, '', false, false).length === 0) {
    throw new EventConfigurationError(
      `fromClass() was given ${target.name}, which has no validators, so that no data would be left of it. Decorate its fields, such as with @IsString().`,
    );
  }
  const options = { whitelist: true, forbidNonWhitelisted: forbidUnknown, groups };
  return Object.freeze({
    '~standard': Object.freeze({
      version: 1,
      vendor: 'class-validator',
      validate: async (data: unknown): Promise<StandardSchemaV1.Result<T>> => {
        if (typeof data !== 'object' || data === null || Array.isArray(data)) {
          return { issues: [{ message: `must be an object that makes a ${target.name}` }] };
        }
        const instance = transformer.plainToInstance(target, data);
        const found = await validator.validate(instance, options);
        return found.length > 0
          ? { issues: found.flatMap((each) => issuesOf(each, [])) }
          : { value: instance };
      },
      ...(jsonSchema !== undefined && {
        jsonSchema: { input: () => ({ ...jsonSchema }), output: () => ({ ...jsonSchema }) },
      }),
    } as const),
  });
}

function issuesOf(
  { property, constraints = {}, children = [] }: Validation,
  parent: string[],
): StandardSchemaV1.Issue[] {
  const path = [...parent, property];
  const own = Object.values(constraints).map((message) => ({ path, message }));
  return [...own, ...children.flatMap((child) => issuesOf(child, path))];
}
