import { EventConfigurationError } from '../errors.js';

/*
 * A name is a row of segments between separators, `.` or `:`. In a pattern a segment may be
 *   *   exactly one segment, whatever it says
 *   **  one segment or more
 * and a separator stands for itself: `order.*` does not match `order:placed`. A pattern that is nothing but a
 * star matches every event.
 */
const SEPARATOR = /([.:])/;

export function isPattern(name: string): boolean {
  return name.includes('*');
}

/** @throws {EventConfigurationError} when the name is no text, is empty or has a star. */
export function assertEventName(name: unknown): asserts name is string {
  if (typeof name !== 'string' || name === '') {
    throw new EventConfigurationError(
      `An event needs a name: a non-empty string, a definition or a class, but got ${describe(name)}.`,
    );
  }
  if (isPattern(name)) {
    throw new EventConfigurationError(
      `'${name}' is a pattern: wildcards select events to handle, an event that is emitted has a plain name.`,
    );
  }
}

/**
 * Compiles a pattern into a test for names.
 *
 * @throws {EventConfigurationError} when a star stands beside other characters of a segment, as in `order.pl*`.
 */
export function compilePattern(pattern: string): (name: string) => boolean {
  if (pattern === '*' || pattern === '**') return () => true;
  const expression = pattern
    .split(SEPARATOR)
    .map((part) => {
      if (part === '.') return '\\.';
      if (part === ':') return ':';
      if (part === '*') return '[^.:]+';
      if (part === '**') return '[^.:]+(?:[.:][^.:]+)*';
      if (part.includes('*')) {
        throw new EventConfigurationError(
          `The pattern '${pattern}' has a star inside the segment '${part}'; a star must be a whole segment, as in 'order.*' or 'order.**'.`,
        );
      }
      return part.replace(/[\\^$+?()[\]{}|/-]/g, '\\$&');
    })
    .join('');
  const compiled = new RegExp(`^${expression}$`);
  return (name) => compiled.test(name);
}

function describe(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}
