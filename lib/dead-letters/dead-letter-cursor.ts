import { EventConfigurationError } from '../errors.js';
import type { DeadLetter } from './dead-letter.js';

/** A place in a list of dead letters: not a number of entries, so that none is missed when others come and go. */
export interface DeadLetterPlace {
  /** Of the failure, in Unix milliseconds. */
  readonly time: number;
  /** Breaks ties. */
  readonly id: string;
}

export function placeOf({ failedAt, id }: DeadLetter): DeadLetterPlace {
  return { time: failedAt.getTime(), id };
}

/** The cursor of the page that begins behind a place. */
export function cursorAt({ time, id }: DeadLetterPlace): string {
  return Buffer.from(`${time} ${id}`).toString('base64url');
}

/** @throws {EventConfigurationError} when it is not one of ours. */
export function parseCursor(cursor: string): DeadLetterPlace {
  const [, time, id] = /^(-?\d+) (.+)$/s.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (time !== undefined && id !== undefined) return { time: Number(time), id };
  throw new EventConfigurationError(
    `Dead letters were asked for with cursor = '${cursor}', which no page had. Use the 'cursor' of the page before.`,
  );
}
