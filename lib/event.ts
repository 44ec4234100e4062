import { inspect } from 'node:util';
import { uuidv7 } from './event-id.js';

/** Facts about who and what caused an event. Travels with it through every backend. */
export interface EventMetadata {
  readonly userId?: string;
  readonly tenantId?: string;
  readonly requestId?: string;
  readonly traceId?: string;
  /** Anything else; must survive `JSON.stringify`. */
  readonly custom?: Readonly<Record<string, unknown>>;
}

/** The parts of an envelope that most events leave at their defaults. */
export interface EventExtras {
  id?: string | undefined;
  key?: string | undefined;
  correlationId?: string | undefined;
  causationId?: string | undefined;
  metadata?: EventMetadata | undefined;
  inlinedBy?: string | undefined;
}

/** An event as plain JSON: what `JSON.stringify(event)` writes. */
export interface EventJson<T = unknown> extends Omit<EventExtras, 'metadata'> {
  readonly id: string;
  readonly type: string;
  readonly data: T;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly source: string;
  readonly version: number;
  readonly correlationId: string;
  readonly metadata?: EventMetadata;
}

/** Name of a service that was given none. @internal */
export const DEFAULT_SOURCE = 'app';

/** Metadata of events that have none: one object, so that it can be told by identity. @internal */
export const NO_METADATA: EventMetadata = Object.freeze({});
const NO_EXTRAS: EventExtras = Object.freeze({});

/**
 * Something that happened. Handlers receive it; it never changes, and a retry or a replay shows the same one.
 * Delivery facts (attempt, redelivered) are in the {@link HandlerContext}, never here.
 *
 * The id is made when it is first read, from the time of creation: an event nobody identifies costs no id.
 */
export class Event<T = unknown, N extends string = string> {
  readonly #type: N;
  readonly #data: T;
  readonly #createdAtMs: number;
  readonly #source: string;
  readonly #version: number;
  readonly #extras: EventExtras;
  #id: string | undefined;

  /** @internal Events are made by the bus; tests make them with {@link createEvent}. */
  constructor(
    type: N,
    data: T,
    createdAtMs: number,
    source: string,
    version: number,
    extras: EventExtras = NO_EXTRAS,
  ) {
    this.#type = type;
    this.#data = data;
    this.#createdAtMs = createdAtMs;
    this.#source = source;
    this.#version = version;
    this.#extras = extras;
    this.#id = extras.id;
  }

  /** UUID version 7 unless the emitter chose one. The same on every redelivery, retry and replay. */
  get id(): string {
    return (this.#id ??= uuidv7(this.#createdAtMs));
  }

  /** Name of the event, such as `after:signup`. */
  get type(): N {
    return this.#type;
  }

  /** The payload. Handlers of one process share it: treat it as read-only. */
  get data(): T {
    return this.#data;
  }

  /** When the event was emitted. */
  get createdAt(): Date {
    return new Date(this.#createdAtMs);
  }

  /** @internal {@link createdAt} in Unix milliseconds, without a `Date`. */
  get createdAtMs(): number {
    return this.#createdAtMs;
  }

  /** The service that emitted it: the module's `source` unless the emitter said otherwise. */
  get source(): string {
    return this.#source;
  }

  /** Version of the data's schema, from 1. */
  get version(): number {
    return this.#version;
  }

  /** Events of one key belong together; backends that order do it by this. */
  get key(): string | undefined {
    return this.#extras.key;
  }

  /** Id of the flow this event belongs to. The first event of a flow uses its own id. */
  get correlationId(): string {
    return this.#extras.correlationId ?? this.id;
  }

  /** Id of the event whose handler emitted this one; `undefined` when no event caused it. */
  get causationId(): string | undefined {
    return this.#extras.causationId;
  }

  /** Who and what caused it. Never `undefined`. */
  get metadata(): EventMetadata {
    return this.#extras.metadata ?? NO_METADATA;
  }

  /**
   * Service whose plain handlers already ran inside `bus.emit()`, so that they do not run again when the event
   * comes back from the backend. `undefined` for everything published by `emitAsync`.
   *
   * @internal
   */
  get inlinedBy(): string | undefined {
    return this.#extras.inlinedBy;
  }

  /** @internal The same event, id included, in another form: upcast, renamed, hydrated. */
  with<U>(data: U, version = this.#version, type: string = this.#type): Event<U> {
    const extras = { ...this.#extras, id: this.id };
    return new Event(type, data, this.#createdAtMs, this.#source, version, extras);
  }

  /** The event as plain JSON. `reviveEvent` reads it back. */
  toJSON(): EventJson<T> {
    const { key, causationId, metadata, inlinedBy } = this.#extras;
    return {
      id: this.id,
      type: this.#type,
      data: this.#data,
      createdAt: this.createdAt.toISOString(),
      source: this.#source,
      version: this.#version,
      ...(key !== undefined && { key }),
      correlationId: this.correlationId,
      ...(causationId !== undefined && { causationId }),
      ...(metadata !== undefined && { metadata }),
      ...(inlinedBy !== undefined && { inlinedBy }),
    };
  }

  /** @internal */
  [inspect.custom](): unknown {
    return { ...this.toJSON(), createdAt: this.createdAt };
  }
}

/** What {@link createEvent} may be told; everything has a default. */
export interface CreateEventOptions extends EventExtras {
  createdAt?: Date;
  source?: string;
  version?: number;
}

/**
 * Makes an event outside a bus: for tests of handlers and for backends that read a foreign wire form.
 *
 * @param type Name of the event.
 * @param data Its payload.
 * @param options Any other part of the envelope. `createdAt` defaults to now, `source` to `app`, `version` to 1.
 *
 * @example
 * await service.onSignup(createEvent('after:signup', { email: 'ada@example.org' }), context);
 */
export function createEvent<T, N extends string>(
  type: N,
  data: T,
  { createdAt, source = DEFAULT_SOURCE, version = 1, ...extras }: CreateEventOptions = {},
): Event<T, N> {
  return new Event(type, data, createdAt?.getTime() ?? Date.now(), source, version, extras);
}
