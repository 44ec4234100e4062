import type { DeadLetter } from '../../../lib/dead-letters/dead-letter.js';
import type { Event } from '../../../lib/event.js';

/** Work that a broker still holds: an event for one handler, or for `*`, all of them. */
export interface Outstanding {
  readonly eventId: string;
  readonly handlerId: string;
}

/** What a broker holds for the group, seen from outside. Dead letters are seen as an operator sees them. */
export interface BrokerView {
  readonly namespace: string;
  /** Nothing is unread, pending, or waits for a retry. */
  settled(): Promise<boolean>;
  /** Everything unread, pending or waiting for a retry. Not one snapshot: what moves meanwhile may be listed twice. */
  outstanding(): Promise<Outstanding[]>;
  deadLetters(): Promise<DeadLetter[]>;
  /** Every place that has the event, in words. */
  whereabouts(eventId: string): Promise<string>;
  publish(event: Event): Promise<void>;
  close(): Promise<void>;
}
