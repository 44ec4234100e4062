import { isDeepStrictEqual } from 'node:util';
import { EventConfigurationError } from '../errors.js';
import type { EventMetadata } from '../event.js';
import { compilePattern, isPattern } from '../handlers/pattern.js';
import type { Publication, StoredEvent } from './stored-event.js';

/** Which events are meant: those that meet every condition given. */
export interface EventCriteria {
  /** Names or patterns, such as `order.*`; one of them has to match. */
  readonly types?: string | readonly string[] | undefined;
  /** Emitted at this time or later. */
  readonly since?: Date | undefined;
  /** Emitted before this time. */
  readonly until?: Date | undefined;
  readonly correlationId?: string | undefined;
  readonly causationId?: string | undefined;
  readonly source?: string | undefined;
  readonly streamId?: string | undefined;
  /** Every field given here has the same value there, `custom` field by field and as deep as it goes. */
  readonly metadata?: EventMetadata | undefined;
  /** For stores that a bus records to. */
  readonly publication?: Publication | undefined;
}

/** Which events to read, from where, and how many. */
export interface LoadOptions extends EventCriteria {
  /** Position to begin behind (with `direction: 'backward'`: before). Default: the first (the last) event. */
  readonly after?: string | undefined;
  /** The most events to read, a whole number from 1. Default: all. */
  readonly limit?: number | undefined;
  /** Default `forward`: the oldest first. */
  readonly direction?: 'forward' | 'backward' | undefined;
}

const TEXTS = ['correlationId', 'causationId', 'source', 'streamId', 'after'] as const;
const PUBLICATIONS: ReadonlySet<string | undefined> = new Set([
  undefined,
  'pending',
  'published',
  'failed',
  'inline',
]);

/** The names and patterns that are wanted; `undefined` for all. */
export function typesOf({ types }: EventCriteria): readonly string[] | undefined {
  const list = typeof types === 'string' ? [types] : types;
  return list === undefined || list.some((type) => type === '*' || type === '**') ? undefined : list;
}

/** @throws {EventConfigurationError} naming the criterion that cannot be used. */
export function checkCriteria(options: LoadOptions): void {
  for (const type of typesOf(options) ?? []) {
    if (typeof type !== 'string' || type === '') throw refused('types', type, 'names or patterns');
    if (isPattern(type)) compilePattern(type);
  }
  for (const name of ['since', 'until'] as const) {
    const value = options[name];
    if (value !== undefined && !(value instanceof Date && !Number.isNaN(value.getTime()))) {
      throw refused(name, value, 'a valid Date');
    }
  }
  for (const name of TEXTS) {
    const value = options[name];
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      throw refused(name, value, 'a non-empty string');
    }
  }
  const { limit, direction = 'forward', publication } = options;
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1)) {
    throw refused('limit', limit, 'a whole number from 1');
  }
  if (direction !== 'forward' && direction !== 'backward') {
    throw refused('direction', direction, `'forward' or 'backward'`);
  }
  if (!PUBLICATIONS.has(publication)) {
    throw refused('publication', publication, `'pending', 'published', 'failed' or 'inline'`);
  }
}

function refused(name: string, value: unknown, rule: string): EventConfigurationError {
  return new EventConfigurationError(
    `Events were asked for with ${name} = ${String(value)}, but it must be ${rule}.`,
  );
}

/** A test for the criteria, for stores that cannot leave it to a database. */
export function matcherOf(criteria: EventCriteria): (event: StoredEvent) => boolean {
  const { since, until, correlationId, causationId, source, streamId, publication } = criteria;
  const wanted = wantedOf(criteria);
  const isType = typeTest(typesOf(criteria));
  const sinceMs = since?.getTime() ?? -Infinity;
  const untilMs = until?.getTime() ?? Infinity;
  return (event) =>
    isType(event.type) &&
    event.createdAtMs >= sinceMs &&
    event.createdAtMs < untilMs &&
    (correlationId === undefined || event.correlationId === correlationId) &&
    (causationId === undefined || event.causationId === causationId) &&
    (source === undefined || event.source === source) &&
    (streamId === undefined || event.streamId === streamId) &&
    (publication === undefined || event.publication === publication) &&
    (wanted === undefined || contains(event.metadata, wanted));
}

/** What is asked of metadata, as JSON has it. */
export function wantedOf({ metadata }: EventCriteria): Readonly<Record<string, unknown>> | undefined {
  return metadata && (JSON.parse(JSON.stringify(metadata)) as Record<string, unknown>);
}

function typeTest(types: readonly string[] | undefined): (type: string) => boolean {
  if (types === undefined) return () => true;
  const names = new Set(types.filter((type) => !isPattern(type)));
  const patterns = types.filter(isPattern).map(compilePattern);
  return (type) => names.has(type) || patterns.some((matches) => matches(type));
}

/** As `@>` of PostgreSQL has it for objects and scalars; a list has to be equal. */
function contains(value: unknown, wanted: unknown): boolean {
  if (!isObject(wanted)) return isDeepStrictEqual(value, wanted);
  return isObject(value) && Object.entries(wanted).every(([field, part]) => contains(value[field], part));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
