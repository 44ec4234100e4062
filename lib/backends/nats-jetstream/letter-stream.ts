import { randomUUID } from 'node:crypto';
import type { DeadLetter } from '../../dead-letters/dead-letter.js';
import { type LetterHead, readHead, writeHead } from './letter-head.js';
import type { Link } from './link.js';
import type { Names } from './names.js';
import { isOvertaken } from './publisher.js';
import { scan } from './scan.js';
import { deleteMessage, lastMessage } from './stored-message.js';
import { decodeLetter, encodeLetter } from '../shared/stored-letter.js';

/** Room in a message for its headers. */
const HEADERS_BYTES = 4096;

/** What a subject has. */
export interface StoredLetter {
  /** Absent for the mark of an entry that was taken out. */
  readonly entry: DeadLetter | undefined;
  /** Of the last message of its subject; 0 when there is none. */
  readonly seq: number;
}

/** What is known of a message without its body. */
export interface ScannedLetter {
  readonly subject: string;
  readonly seq: number;
  /** Absent for a mark. */
  readonly head: LetterHead | undefined;
}

/** The stream in which each dead letter of a group is the one message of its subject. */
export class LetterStream {
  /**
   * @param link Connects on first use.
   * @param group Asked late, because it may come from the module.
   */
  constructor(
    private readonly link: () => Promise<Link>,
    private readonly names: Names,
    private readonly group: () => string,
  ) {}

  subjectOf(id: string): string {
    return this.names.dead(this.group(), id);
  }

  /** All messages of the group, in the order in which they were written. */
  async scan(): Promise<ScannedLetter[]> {
    return scan(
      await this.link(),
      this.names.stateStream,
      this.names.dead(this.group()),
      (message, { sequence }) => ({
        subject: message.subject,
        seq: sequence,
        head: readHead(message),
      }),
    );
  }

  async read(subject: string): Promise<StoredLetter> {
    const { requests } = await this.link();
    const message = await lastMessage(requests, this.names.stateStream, subject);
    if (message === undefined) return { entry: undefined, seq: 0 };
    const { seq, text } = message;
    return { entry: text === '' ? undefined : decodeLetter(text), seq };
  }

  /**
   * Puts an entry, or the mark of one that was taken out, in the place of message `seq`.
   *
   * @returns `false` when that is not the last of its subject any more.
   */
  async write(subject: string, entry: DeadLetter | undefined, seq: number): Promise<boolean> {
    const { publisher, headers, nc } = await this.link();
    const head = headers();
    head.set('Nats-Expected-Last-Subject-Sequence', String(seq));
    head.set('Nats-Msg-Id', randomUUID()); // so that sending it twice is not to be overtaken by itself
    if (entry !== undefined) writeHead(head, entry);
    const maxBytes = (nc.info?.max_payload ?? Infinity) - HEADERS_BYTES;
    const data = entry === undefined ? '' : encodeLetter(entry, maxBytes);
    try {
      await publisher.publish({ subject, data, headers: head });
      return true;
    } catch (error) {
      if (isOvertaken(error)) return false;
      throw error;
    }
  }

  /** Deletes a message, unless another one is in its place already. */
  async erase(seq: number): Promise<void> {
    const { requests } = await this.link();
    await deleteMessage(requests, this.names.stateStream, seq);
  }
}
