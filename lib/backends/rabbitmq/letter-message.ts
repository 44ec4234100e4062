import { randomUUID } from 'node:crypto';
import type { Message, Options } from 'amqplib';
import type { DeadLetter } from '../../dead-letters/dead-letter.js';
import { decodeLetter, encodeLetter } from '../shared/stored-letter.js';

/** Header: how often the entry was changed; absent for what handlers add. */
const REVISION = 'events-revision';
/** Type of the messages that only mark a place in the queue. */
const MARK = 'events.mark';
const LETTER = 'events.dead-letter';
/** RabbitMQ 4 takes messages of 16 MiB, unless it is told otherwise. */
const MAX_BYTES = 15 * 1024 * 1024;

/** A message about a dead letter. */
export interface LetterMessage {
  readonly message: Message;
  /** Of the message. */
  readonly messageId: string;
  readonly entry: DeadLetter;
  /** 0: added by a handler. Otherwise what the entry was made by the change of this number. */
  readonly revision: number;
  /** The messages of handlers that are part of it. */
  readonly absorbed: readonly string[];
}

/** The message for an entry that handlers add, or that was changed. */
export function letterMessage(
  entry: DeadLetter,
  revision = 0,
  absorbed: readonly string[] = [],
): { readonly content: Buffer; readonly options: Options.Publish } {
  const letter = encodeLetter(entry, MAX_BYTES);
  return {
    content: Buffer.from(`${JSON.stringify(absorbed)}\n${letter}`),
    options: {
      persistent: true,
      mandatory: true,
      messageId: randomUUID(),
      type: LETTER,
      contentType: 'application/x-ndjson',
      headers: { [REVISION]: revision },
    },
  };
}

/** @throws {EventSerializationError} @throws {SyntaxError} when it is not one. */
export function readLetter(message: Message): LetterMessage {
  const text = message.content.toString();
  const end = text.indexOf('\n');
  const { messageId, headers } = message.properties;
  return {
    message,
    messageId: String(messageId),
    entry: decodeLetter(text.slice(end + 1)),
    revision: Number(headers?.[REVISION]),
    absorbed: JSON.parse(text.slice(0, end)) as string[],
  };
}

/** Of a message that marks a place in the queue. */
export function markOptions(id: string): Options.Publish {
  return { persistent: true, messageId: id, type: MARK, timestamp: Math.floor(Date.now() / 1000) };
}

export function isMark({ properties }: Message): boolean {
  return properties.type === MARK;
}

/** How long ago a mark was written, in milliseconds. */
export function ageOf({ properties }: Message): number {
  return Date.now() - Number(properties.timestamp) * 1000;
}
