import { UNREADABLE_EVENT } from '../../dead-letters/dead-letter.js';
import type { Event } from '../../event.js';
import { encodeEvent } from '../../wire/cloud-events.js';
import type { Delivery } from '../backend.js';
import { envelopeOf, fieldsOf } from './codec.js';
import { fromRawFields, rawFieldsOf } from './raw-fields.js';

/** Fields of the entry that brings an event back to a handler. What was unreadable comes back as it was. */
export function redeliveryFields(event: Event, delivery: Delivery): (string | Buffer)[] {
  const { attempts, deadLetterId, raw } = delivery;
  const fields = event.type === UNREADABLE_EVENT ? rawFieldsOf(raw) : undefined;
  if (fields === undefined) return fieldsOf(encodeEvent(event), envelopeOf(delivery));
  return [...fromRawFields(fields), 'delivery', JSON.stringify({ deadLetterId, attempts })];
}
