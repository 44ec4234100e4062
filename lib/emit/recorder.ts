import type { BackendCapabilities } from '../backends/backend.js';
import type { Event } from '../event.js';
import type { EmitReceipt, Outgoing, Publisher } from './publisher.js';

/** One event to keep and to publish. */
export interface Emitted {
  /** As it was emitted. */
  readonly event: Event;
  /** As it goes out: the same event, if need be in the version that consumers know. */
  readonly outgoing: Outgoing;
}

/** Keeps what a bus emits, before the backend has it. */
export interface EventRecorder {
  /** How errors call it. */
  readonly name: string;
  /** Events that are being kept or published. */
  readonly pending: number;
  /** @throws {EventConfigurationError} when the event cannot be kept or published as its options want it. */
  assertCan(emitted: Emitted): void;
  /** Keeps an event that only handlers of this process see, then runs them. */
  handle(event: Event, run: () => Promise<void>): Promise<void>;
  /**
   * Keeps an event and sees to it that it is published.
   *
   * @param inline Handlers that have to succeed before.
   */
  publish(emitted: Emitted, inline?: () => Promise<void>): Promise<EmitReceipt>;
  /** As {@link publish} for many. One result per event, in order. */
  publishAll(emitted: readonly Emitted[]): Promise<(EmitReceipt | Error)[]>;
  /** Resolves when everything that was kept has been published, or the signal aborts. */
  idle(signal: AbortSignal): Promise<void>;
  /** Connects, and publishes from now on what is to be published later. */
  open(): Promise<void>;
  /** Publishes nothing more that is to be published later: another process may. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

/** What a recorder needs of its bus. */
export interface RecorderHost {
  /** The module's `source`. */
  readonly source: string;
  readonly publisher: Publisher;
  readonly capabilities: BackendCapabilities | undefined;
  /** An event that was kept, as it goes out. */
  outgoing(event: Event): Event;
  /**
   * An event that was kept, as the handlers of this process expect it.
   *
   * @param unchecked Its data need not fit the schema.
   */
  present(event: Event, unchecked: boolean): Event | Promise<Event>;
  report(error: Error): void;
}
