import type { DeadLetter, DeadLetterStatus } from '../../dead-letters/dead-letter.js';
import { decodeEvent } from '../../wire/cloud-events.js';
import type { Keys } from './keys.js';

/** Closed dead letters, resolved or discarded, that are kept to look at. */
export const CLOSED_LIMIT = 1000;

/** The four keys that the scripts of dead letters begin with. */
export function deadKeys({ dead, deadStatus, deadIndex, deadClosed }: Keys): string[] {
  return [dead, deadStatus, deadIndex, deadClosed];
}

/** A dead letter as JSON, without its status. The event is CloudEvents JSON already. */
export function encodeDeadLetter(entry: DeadLetter, wire: string): string {
  const { id, handlerId, attempts, failedAt, raw } = entry;
  const facts = JSON.stringify({ id, handlerId, attempts, failedAt: failedAt.getTime(), raw });
  return `${facts.slice(0, -1)},"event":${wire}}`;
}

/** The status as it is stored: by itself, or with the reason after a colon. */
export function encodeStatus(status: DeadLetterStatus, reason?: string): string {
  return reason === undefined ? status : `${status}:${reason}`;
}

export function decodeDeadLetter(json: string, stored: string): DeadLetter {
  const { event, failedAt, ...entry } = JSON.parse(json);
  const colon = stored.indexOf(':');
  const status = (colon === -1 ? stored : stored.slice(0, colon)) as DeadLetterStatus;
  return {
    ...entry,
    event: decodeEvent(event),
    failedAt: new Date(failedAt),
    status,
    ...(colon !== -1 && { reason: stored.slice(colon + 1) }),
  };
}
