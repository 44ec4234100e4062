import type { DeadLetter, DeadLetterStatus } from '../dead-letter.js';
import { decodeEvent } from '../../wire/cloud-events.js';

/** Names of the keys that hold the dead letters of one group. */
export interface DeadLetterKeys {
  /** Entry by id, status by id, time of failure by id, time of closing by id. */
  readonly dead: string;
  readonly deadStatus: string;
  readonly deadIndex: string;
  readonly deadClosed: string;
}

/** The braces put all keys of a namespace into one slot of a cluster. */
export function deadLetterKeysOf(namespace: string, group: string): DeadLetterKeys {
  const tag = `{${namespace}}`;
  return {
    dead: `${tag}:dead:${group}`,
    deadStatus: `${tag}:dead-status:${group}`,
    deadIndex: `${tag}:dead-index:${group}`,
    deadClosed: `${tag}:dead-closed:${group}`,
  };
}

/** The four keys that the scripts of dead letters begin with. */
export function deadKeys({ dead, deadStatus, deadIndex, deadClosed }: DeadLetterKeys): string[] {
  return [dead, deadStatus, deadIndex, deadClosed];
}

/** A dead letter as JSON, without its status. The event is CloudEvents JSON already. */
export function encodeDeadLetter(entry: DeadLetter, wire: string): string {
  const { id, handlerId, attempts, failedAt, fingerprint, raw } = entry;
  const facts = JSON.stringify({ id, handlerId, attempts, failedAt: failedAt.getTime(), fingerprint, raw });
  return `${facts.slice(0, -1)},"event":${wire}}`;
}

/** @param stored Status, time of change and reason, with a space between. */
export function decodeDeadLetter(json: string, stored: string): DeadLetter {
  const { event, failedAt, ...entry } = JSON.parse(json);
  const [, status, changedAt, reason] = /^(\w+) (\d+) (.*)$/s.exec(stored)!;
  return {
    ...entry,
    event: decodeEvent(event),
    failedAt: new Date(failedAt),
    changedAt: new Date(Number(changedAt)),
    status: status as DeadLetterStatus,
    ...(reason !== '' && { reason }),
  };
}
