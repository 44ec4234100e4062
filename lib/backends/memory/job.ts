import { Event } from '../../event.js';
import type { Delivery } from '../backend.js';

/** A delivery with facts of its own: a retry. */
export interface Job {
  readonly event: Event;
  readonly delivery: Delivery;
}

/** What waits for a worker: the bare event for a first delivery, so that the common case costs no object. */
export type Item = Event | Job;

export function eventOf(item: Item): Event {
  return item instanceof Event ? item : item.event;
}
