import { EventSerializationError } from '../errors.js';
import type { Event } from '../event.js';
import { decodeEvent, encodeEvent } from '../wire/cloud-events.js';
import type {
  DeadLetter,
  DeadLetterStatus,
  HandlerAttempt,
  RawMessage,
  SerializedError,
} from './dead-letter.js';

/** Says what a line is, and by which rules it is read. */
const FORMAT = 'nestjs-durable-events/dead-letter/1';
/** Longest line that is read, in characters. */
const MAX_LINE = 16 * 1024 * 1024;
const STATUSES: readonly unknown[] = [
  'dead',
  'retrying',
  'resolved',
  'discarded',
] satisfies DeadLetterStatus[];
const MAX_NESTING = 10;

/** Some readers of lines take these for the end of one. */
const SEPARATORS = /[\u2028\u2029]/g;

/**
 * An entry as one line of JSON, its event as a CloudEvent.
 *
 * @throws {EventSerializationError} when the data of its event cannot be JSON, as it may in memory.
 */
export function formatLine({ event, ...entry }: DeadLetter): string {
  const line = `${JSON.stringify({ format: FORMAT, ...entry }).slice(0, -1)},"event":${encodeEvent(event)}}`;
  return line.replace(SEPARATORS, (separator) => (separator === '\u2028' ? '\\u2028' : '\\u2029'));
}

/** @throws {EventSerializationError} naming the field, the limit or what is wrong with the JSON. */
export function parseLine(line: string): DeadLetter {
  const text: unknown = line;
  if (typeof text !== 'string') throw refused('it is not text');
  if (text.length > MAX_LINE)
    throw refused(`it has ${text.length} characters, but at most ${MAX_LINE} are read`);
  const fields = objectIn(parsed(text), 'it');
  if (fields['format'] !== FORMAT) throw refused(`its 'format' must be '${FORMAT}'`);
  const attempts = fields['attempts'];
  if (!Array.isArray(attempts) || attempts.length === 0)
    throw refused(`its 'attempts' must be a list of one or more`);
  const status = fields['status'];
  if (!STATUSES.includes(status)) throw refused(`its 'status' must be one of ${STATUSES.join(', ')}`);
  const raw = fields['raw'];
  return {
    id: textIn(fields, 'id'),
    event: eventIn(fields['event']),
    handlerId: textIn(fields, 'handlerId'),
    status: status as DeadLetterStatus,
    attempts: attempts.map((attempt, i) => attemptIn(attempt, `attempts[${i}]`)),
    failedAt: dateIn(fields, 'failedAt'),
    changedAt: dateIn(fields, 'changedAt'),
    fingerprint: textIn(fields, 'fingerprint'),
    ...optionalText(fields, 'reason'),
    ...(raw !== undefined && { raw: rawIn(raw) }),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw refused(`it is not JSON: ${(cause as Error).message}`, cause);
  }
}

function eventIn(value: unknown): Event {
  try {
    return decodeEvent(objectIn(value, `its 'event'`));
  } catch (cause) {
    throw refused(`its 'event' cannot be read: ${(cause as Error).message}`, cause);
  }
}

function attemptIn(value: unknown, where: string): HandlerAttempt {
  const fields = objectIn(value, `its '${where}'`);
  return {
    at: numberIn(fields, 'at', where),
    durationMs: numberIn(fields, 'durationMs', where),
    ...optionalText(fields, 'host', where),
    error: errorIn(fields['error'], `${where}.error`),
  };
}

function errorIn(value: unknown, where: string, depth = 0): SerializedError {
  if (depth > MAX_NESTING) throw refused(`its '${where}' is nested more than ${MAX_NESTING} deep`);
  const fields = objectIn(value, `its '${where}'`);
  const { cause, errors } = fields;
  if (errors !== undefined && !Array.isArray(errors)) throw refused(`its '${where}.errors' must be a list`);
  return {
    name: textIn(fields, 'name', where, true),
    message: textIn(fields, 'message', where, true),
    ...optionalText(fields, 'stack', where),
    ...optionalText(fields, 'code', where),
    ...(cause !== undefined && { cause: errorIn(cause, `${where}.cause`, depth + 1) }),
    ...(errors !== undefined && {
      errors: errors.map((error, i) => errorIn(error, `${where}.errors[${i}]`, depth + 1)),
    }),
  };
}

function rawIn(value: unknown): RawMessage {
  const fields = objectIn(value, `its 'raw'`);
  const { encoding } = fields;
  if (encoding !== 'utf8' && encoding !== 'base64')
    throw refused(`its 'raw.encoding' must be utf8 or base64`);
  const headers = objectIn(fields['headers'], `its 'raw.headers'`);
  for (const name of Object.keys(headers)) textIn(headers, name, 'raw.headers', true);
  return { body: textIn(fields, 'body', 'raw', true), encoding, headers: headers as RawMessage['headers'] };
}

function objectIn(value: unknown, subject: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw refused(`${subject} must be an object`);
}

function textIn(fields: Fields, name: string, where?: string, mayBeEmpty = false): string {
  const value = fields[name];
  if (typeof value === 'string' && (mayBeEmpty || value !== '')) return value;
  throw refused(`its '${pathOf(name, where)}' must be a ${mayBeEmpty ? '' : 'non-empty '}string`);
}

function optionalText<N extends string>(
  fields: Fields,
  name: N,
  where?: string,
): Partial<Readonly<Record<N, string>>> {
  if (fields[name] === undefined) return {};
  return { [name]: textIn(fields, name, where, true) } as Record<N, string>;
}

function numberIn(fields: Fields, name: string, where: string): number {
  const value = fields[name];
  if (typeof value === 'number') return value;
  throw refused(`its '${pathOf(name, where)}' must be a number`);
}

function dateIn(fields: Fields, name: string): Date {
  const date = new Date(textIn(fields, name));
  if (!Number.isNaN(date.getTime())) return date;
  throw refused(`its '${name}' must be a date such as 2026-01-31T12:00:00.000Z`);
}

function pathOf(name: string, where: string | undefined): string {
  return where === undefined ? name : `${where}.${name}`;
}

function refused(why: string, cause?: unknown): EventSerializationError {
  return new EventSerializationError(`A line is not a dead letter: ${why}.`, { cause });
}
