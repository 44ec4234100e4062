// Not the global, so that the fake timers of a test do not stop what is sent.
import { nextTick } from 'node:process';
import type { ConfirmChannel } from 'amqplib';
import type { Outgoing } from './confirmed-sender.js';

/** What is read of a channel of amqplib that is not in its type. */
interface Inside {
  /** Its number. */
  readonly ch?: number;
  readonly pushConfirmCallback?: (done: OnConfirm) => void;
  readonly connection?: {
    readonly frameMax?: number;
    readonly channels?: readonly (Slot | null | undefined)[];
    /** Writes to the socket at once. */
    readonly sendBytes?: (frames: Buffer) => void;
  };
}

/** Where a connection keeps a channel, and what it has to send for it. */
interface Slot {
  readonly channel?: unknown;
  readonly buffer?: {
    write(frames: Buffer): boolean;
    readonly writableLength: number;
    readonly readableLength: number;
  };
}

/** Told once that the broker has the message, or with an error. */
export type OnConfirm = (error: Error | null) => void;

/** The bytes that all messages of one kind share. */
interface Template {
  readonly exchange: string;
  readonly contentType: string | undefined;
  readonly type: string | undefined;
  readonly appId: string | undefined;
  /** The method, and the header up to the message id. */
  readonly head: Buffer;
  /** Where the frame of the header begins in it. */
  readonly header: number;
  /** The header from behind the timestamp on, and the first bytes of the body's frame. */
  readonly tail: Buffer;
}

const METHOD = 1;
const HEADER = 2;
const BODY = 3;
const END = 0xce;
/** Of a frame: type, channel and length, which does not count them nor the end. */
const START_BYTES = 7;
const LENGTH_AT = 3;
const FRAME_BYTES = START_BYTES + 1;
/** Class and method, and a ticket that nobody reads. */
const BASIC_PUBLISH = [0, 60, 0, 40, 0, 0];
const MANDATORY = 1;
/** Class and weight. */
const BASIC = [0, 60, 0, 0];
const BODY_SIZE = [0, 0, 0, 0, 0, 0, 0, 0];
const SIZE_AT = START_BYTES + BASIC.length;
const FLAGS_AT = SIZE_AT + BODY_SIZE.length;
const NO_HEADERS = [0, 0, 0, 0];
const PERSISTENT = 2;
/** Which properties there are, in the order in which they follow. */
const FLAGS = {
  contentType: 1 << 15,
  headers: 1 << 13,
  deliveryMode: 1 << 12,
  messageId: 1 << 7,
  timestamp: 1 << 6,
  type: 1 << 5,
  appId: 1 << 3,
};
const UINT32 = 2 ** 32;
/** Kinds of messages are few, and within a bound. */
const MOST_TEMPLATES = 1000;
/** Messages are put one behind the other into so many bytes. */
const SLAB_BYTES = 64 * 1024;
/** The broker gets to work on the first of a burst while the next ones are made. */
const MOST_TOGETHER = 32;

/**
 * Writes plain messages as frames of AMQP 0-9-1, byte for byte as amqplib does. All that messages of one kind share is made
 * once, and those of one turn of the event loop are handed to the system together: both cost more than all else.
 */
export class PlainWriter {
  readonly #templates = new Map<string, Template>();
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  /** What is in the slab and not handed over yet is between these. */
  #from = 0;
  #to = 0;
  #count = 0;
  #flushing = false;

  private constructor(
    private readonly inside: Required<Inside>,
    private readonly channel: ConfirmChannel,
    private readonly maxBody: number,
  ) {}

  /** @returns `undefined` for a channel that is not made as this knows it: use its `publish`. */
  static for(channel: ConfirmChannel): PlainWriter | undefined {
    const inside = channel as unknown as Inside;
    const { ch, pushConfirmCallback, connection } = inside;
    if (typeof ch !== 'number' || typeof pushConfirmCallback !== 'function') return undefined;
    const slot = connection?.channels?.[ch];
    if (slot?.channel !== channel || typeof slot.buffer?.write !== 'function') return undefined;
    if (typeof connection?.sendBytes !== 'function') return undefined;
    const maxBody = Number(connection.frameMax) - FRAME_BYTES;
    return maxBody > 0 ? new PlainWriter(inside as Required<Inside>, channel, maxBody) : undefined;
  }

  /**
   * Takes a message, to be sent before this turn of the event loop ends.
   *
   * @returns Whether it did. It does not where it takes several frames, or the channel is closed.
   */
  write(message: Outgoing, done: OnConfirm): boolean {
    const size = Buffer.byteLength(message.content);
    if (size === 0 || size > this.maxBody || this.#slot === undefined) return false;
    this.#put(message, size);
    this.inside.pushConfirmCallback(done);
    if (++this.#count === MOST_TOGETHER) this.flush();
    else if (!this.#flushing) {
      this.#flushing = true;
      nextTick(this.#endOfTurn);
    }
    return true;
  }

  /** Sends what was taken. Call it before something else is sent over the channel: messages are confirmed in their order. */
  flush(): void {
    if (this.#count === 0) return;
    const frames = this.#slab.subarray(this.#from, this.#to);
    this.#from = this.#to;
    this.#count = 0;
    const slot = this.#slot;
    if (slot === undefined) return; // whoever sent them is told that the channel is lost
    const { readableLength, writableLength } = slot.buffer!;
    if (readableLength + writableLength === 0) this.inside.connection.sendBytes!(frames);
    else slot.buffer!.write(frames);
  }

  readonly #endOfTurn = (): void => {
    this.#flushing = false;
    this.flush();
  };

  get #slot(): Slot | undefined {
    const slot = this.inside.connection.channels?.[this.inside.ch];
    return slot?.channel === this.channel ? slot : undefined;
  }

  #put(message: Outgoing, size: number): void {
    const { messageId, timestamp = 0 } = message.options;
    const { head, header, tail } = this.#templateFor(message);
    const idSize = messageId === undefined ? 0 : 1 + Buffer.byteLength(messageId);
    const length = head.length + idSize + 8 + tail.length + size + 1;
    const start = this.#makeRoom(length);
    const bytes = this.#slab;
    bytes.set(head, start);
    let at = start + head.length;
    const headerAt = start + header;
    if (messageId === undefined) {
      const flagsAt = headerAt + FLAGS_AT;
      bytes.writeUInt16BE(bytes.readUInt16BE(flagsAt) & ~FLAGS.messageId, flagsAt);
    } else {
      bytes[at] = idSize - 1;
      bytes.write(messageId, at + 1);
      at += idSize;
    }
    writeUInt64(bytes, timestamp, at);
    bytes.set(tail, at + 8);
    at += 8 + tail.length;
    bytes.writeUInt32BE(size, at - 4);
    writeBody(bytes, message.content, at);
    bytes[at + size] = END;
    writeUInt64(bytes, size, headerAt + SIZE_AT);
    // The frame of the header ends where that of the body starts.
    bytes.writeUInt32BE(at - START_BYTES - headerAt - FRAME_BYTES, headerAt + LENGTH_AT);
    this.#to = start + length;
  }

  /** @returns Where it begins in the slab, of which nothing is ever used again: the socket may not have sent it yet. */
  #makeRoom(length: number): number {
    if (this.#to + length > this.#slab.length) {
      this.flush();
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, length));
      this.#from = this.#to = 0;
    }
    return this.#to;
  }

  #templateFor(message: Outgoing): Template {
    const { exchange, routingKey } = message;
    const { contentType, type, appId } = message.options;
    const known = this.#templates.get(routingKey);
    if (
      known !== undefined &&
      known.exchange === exchange &&
      known.contentType === contentType &&
      known.type === type &&
      known.appId === appId
    )
      return known;
    const made = this.#makeTemplate(message);
    if (known !== undefined || this.#templates.size < MOST_TEMPLATES) this.#templates.set(routingKey, made);
    return made;
  }

  #makeTemplate({ exchange, routingKey, options }: Outgoing): Template {
    const { contentType, type, appId } = options;
    const method = [
      ...this.#frameStart(METHOD),
      ...BASIC_PUBLISH,
      ...shortString(exchange),
      ...shortString(routingKey),
      MANDATORY,
      END,
    ];
    setUInt32(method, method.length - FRAME_BYTES, LENGTH_AT);
    let flags = FLAGS.headers | FLAGS.deliveryMode | FLAGS.messageId | FLAGS.timestamp;
    if (contentType !== undefined) flags |= FLAGS.contentType;
    if (type !== undefined) flags |= FLAGS.type;
    if (appId !== undefined) flags |= FLAGS.appId;
    const header = [
      ...this.#frameStart(HEADER),
      ...BASIC,
      ...BODY_SIZE,
      flags >> 8,
      flags & 0xff,
      ...shortString(contentType),
      ...NO_HEADERS,
      PERSISTENT,
    ];
    return {
      exchange,
      contentType,
      type,
      appId,
      head: Buffer.from([...method, ...header]),
      header: method.length,
      tail: Buffer.from([...shortString(type), ...shortString(appId), END, ...this.#frameStart(BODY)]),
    };
  }

  /** With room for the length. */
  #frameStart(kind: number): number[] {
    const { ch } = this.inside;
    return [kind, ch >> 8, ch & 0xff, 0, 0, 0, 0];
  }
}

/** @returns Nothing for one that is not there. @throws {TypeError} when it is longer than a byte can say. */
function shortString(text: string | undefined): number[] {
  if (text === undefined) return [];
  const bytes = Buffer.from(text);
  if (bytes.length > 255)
    throw new TypeError(`A text of ${bytes.length} bytes is longer than AMQP takes (255)`);
  return [bytes.length, ...bytes];
}

function setUInt32(bytes: number[], value: number, at: number): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = (value >>> (24 - 8 * i)) & 0xff;
}

function writeBody(bytes: Buffer, content: Buffer | string, at: number): void {
  if (typeof content === 'string') bytes.write(content, at);
  else bytes.set(content, at);
}

/** A whole number as eight bytes. A BigInt would cost more. */
function writeUInt64(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32BE(Math.floor(value / UINT32), at);
  bytes.writeUInt32BE(value % UINT32, at + 4);
}
