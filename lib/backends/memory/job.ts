import { Event } from '../../event.js';
import type { Delivery } from '../backend.js';

/** A delivery with facts of its own: a retry. */
export interface Job {
  readonly event: Event;
  readonly delivery: Delivery;
  /** It does not stand in the lane of its key, because that went on without it. */
  readonly outOfLane?: boolean;
}

/** What waits for a worker: the bare event for a first delivery, so that the common case costs no object. */
export type Item = Event | Job;

/** The key whose lane it stands in. */
export function laneOf(item: Item): string | undefined {
  if (item instanceof Event) return item.key;
  return item.outOfLane === true ? undefined : item.event.key;
}

export function eventOf(item: Item): Event {
  return item instanceof Event ? item : item.event;
}
