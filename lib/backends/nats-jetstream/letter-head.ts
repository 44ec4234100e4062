import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { tokenOf } from '../../clients/nats/subject.js';
import type { DeadLetter, DeadLetterFilter, DeadLetterStatus } from '../../dead-letters/dead-letter.js';
import type { DeadLetterPlace } from '../../dead-letters/dead-letter-cursor.js';

/** Header with the status of an entry; absent on the mark of one that was taken out. */
const STATUS = 'Events-Status';
/** Header with what else a list needs to know of an entry, parted by blanks; absent on entries of older versions. */
const FACTS = 'Events-Facts';

/** What the headers of a message tell of its entry, so that lists need not read all bodies. */
export interface LetterHead {
  readonly subject: string;
  readonly status: DeadLetterStatus;
  /** Absent where only the body tells. */
  readonly facts: LetterFacts | undefined;
}

/** Texts are tokens: legal in a header, short, and equal when the texts are. */
interface LetterFacts {
  /** Unix milliseconds. */
  readonly failedAt: number;
  readonly fingerprint: string;
  readonly type: string;
  readonly handlerId: string;
}

/** Writes the headers of an entry. */
export function writeHead(headers: MsgHdrs, entry: DeadLetter): void {
  const { failedAt, fingerprint, type, handlerId } = factsOf(entry);
  headers.set(STATUS, entry.status);
  headers.set(FACTS, [failedAt, fingerprint, type, handlerId].join(' '));
}

/** Reads them. Nothing for the mark of an entry that was taken out. */
export function readHead({ subject, headers }: Msg): LetterHead | undefined {
  const status = headers?.get(STATUS);
  if (!status) return undefined;
  const [failedAt, fingerprint = '', type = '', handlerId = ''] = headers!.get(FACTS).split(' ');
  const facts = failedAt ? { failedAt: Number(failedAt), fingerprint, type, handlerId } : undefined;
  return { subject, status: status as DeadLetterStatus, facts };
}

/** The same from the entry itself. */
export function headOf(subject: string, entry: DeadLetter): LetterHead {
  return { subject, status: entry.status, facts: factsOf(entry) };
}

export function isOpen({ status }: LetterHead): boolean {
  return status === 'dead' || status === 'retrying';
}

/** Where an entry stands in a list. Whatever the id, its subject tells it from all others of its time. */
export function headPlace({ facts, subject }: LetterHead): DeadLetterPlace {
  return { time: facts!.failedAt, id: subject };
}

/** Turns all of a filter but its text into a test for heads. One without facts passes when its status does. */
export function headMatcher(filter: DeadLetterFilter): (head: LetterHead) => boolean {
  const { status, since, until } = filter;
  const statuses = typeof status === 'string' ? [status] : status;
  const type = filter.type === undefined ? undefined : tokenOf(filter.type);
  const handlerId = filter.handlerId === undefined ? undefined : tokenOf(filter.handlerId);
  const fingerprint = filter.fingerprint === undefined ? undefined : tokenOf(filter.fingerprint);
  return (head) => {
    const { facts } = head;
    if (!(statuses === undefined ? isOpen(head) : statuses.includes(head.status))) return false;
    if (facts === undefined) return true;
    return (
      (type === undefined || facts.type === type) &&
      (handlerId === undefined || facts.handlerId === handlerId) &&
      (fingerprint === undefined || facts.fingerprint === fingerprint) &&
      (since === undefined || facts.failedAt >= since.getTime()) &&
      (until === undefined || facts.failedAt < until.getTime())
    );
  };
}

function factsOf({ event, handlerId, failedAt, fingerprint }: DeadLetter): LetterFacts {
  return {
    failedAt: failedAt.getTime(),
    fingerprint: tokenOf(fingerprint),
    type: tokenOf(event.type),
    handlerId: tokenOf(handlerId),
  };
}
