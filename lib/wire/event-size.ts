import { EventTooLargeError } from '../errors.js';
import type { Event } from '../event.js';

/** A UTF-16 unit is at most this many bytes of UTF-8. */
const MAX_BYTES_PER_UNIT = 3;

/**
 * Refuses an event that is larger than its backend takes. Costs a comparison unless the event is near the limit.
 *
 * @param wire Its wire form.
 * @param maxBytes The limit, in bytes of UTF-8.
 * @param option Where the limit can be changed, such as `option 'maxEventBytes' of RedisStreamsBackend`.
 * @throws {EventTooLargeError}
 */
export function assertEventSize(event: Event, wire: string, maxBytes: number, option: string): void {
  if (wire.length * MAX_BYTES_PER_UNIT <= maxBytes) return;
  const bytes = Buffer.byteLength(wire);
  if (bytes <= maxBytes) return;
  throw new EventTooLargeError(
    `Event '${event.type}' (${event.id}) has ${bytes} bytes in its wire form, and the limit is ${maxBytes} (${option}). ` +
      'Keep the bulk of its data elsewhere and let the event say where, or raise the limit.',
  );
}
