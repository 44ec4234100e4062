import type { SerializedError } from '../dead-letters/dead-letter.js';

/** Characters that are kept of an error, its causes included: a dead letter should fit into a message of a broker. */
const MAX_TEXT = 16_000;
const MAX_STACK = 8192;
const MAX_MESSAGE = 4096;
const MAX_NAME = 200;
/** Causes of causes that are kept. */
const MAX_CAUSES = 5;
/** Errors of an AggregateError that are kept. */
const MAX_ERRORS = 3;

/** An error as plain JSON, within bounds, whatever it is made of. */
export function serializeError(error: Error): SerializedError {
  return new ErrorWriter().write(error, 0);
}

class ErrorWriter {
  #left = MAX_TEXT;
  /** An error may be its own cause, through others or at once. */
  readonly #seen = new Set<Error>();

  write(error: Error, depth: number): SerializedError {
    this.#seen.add(error);
    const name = this.#cut(read(error, 'name'), MAX_NAME) ?? 'Error';
    const message = this.#cut(read(error, 'message'), MAX_MESSAGE) ?? '';
    const code = this.#cut(read(error, 'code'), MAX_NAME);
    const stack = this.#cut(read(error, 'stack'), MAX_STACK);
    const cause = this.#nested([read(error, 'cause')], depth, 1)[0];
    const errors = error instanceof AggregateError ? this.#nested(listed(error), depth, MAX_ERRORS) : [];
    return {
      name,
      message,
      ...(stack !== undefined && { stack }),
      ...(code !== undefined && { code }),
      ...(cause !== undefined && { cause }),
      ...(errors.length > 0 && { errors }),
    };
  }

  #nested(values: readonly unknown[], depth: number, most: number): SerializedError[] {
    if (depth >= MAX_CAUSES) return [];
    const written: SerializedError[] = [];
    for (const value of values) {
      if (written.length === most || this.#left <= 0) break;
      if (value instanceof Error && !this.#seen.has(value)) written.push(this.write(value, depth + 1));
    }
    return written;
  }

  #cut(value: unknown, most: number): string | undefined {
    if (typeof value !== 'string') return undefined;
    const text = value.slice(0, Math.max(0, Math.min(most, this.#left)));
    this.#left -= text.length;
    return wellFormed(text);
  }
}

/** Half of a character, as cutting leaves it, is not Unicode: databases and other languages refuse it. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\uFFFD');
}

/** Errors of other libraries may have anything in their fields, also getters that throw. */
function read(error: Error, field: 'name' | 'message' | 'code' | 'stack' | 'cause'): unknown {
  try {
    return (error as unknown as Record<string, unknown>)[field];
  } catch {
    return `(reading the ${field} of this error threw another one)`;
  }
}

function listed({ errors }: AggregateError): readonly unknown[] {
  return Array.isArray(errors) ? errors : [];
}
