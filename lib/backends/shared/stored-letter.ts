import type { DeadLetter } from '../../dead-letters/dead-letter.js';
import { decodeEvent, encodeEvent } from '../../wire/cloud-events.js';

/**
 * Writes a dead letter as JSON. What the broker held is left out where it is the event itself, and where both do not
 * fit into a message.
 *
 * @param maxBytes Of a message.
 */
export function encodeLetter({ event, ...entry }: DeadLetter, maxBytes: number): string {
  const wire = encodeEvent(event);
  const { raw, ...facts } = entry;
  const same = raw?.body === wire;
  const head = raw === undefined ? undefined : { ...raw, body: same ? undefined : raw.body };
  const json = `{"facts":${JSON.stringify({ ...facts, raw: head })},"event":${wire}}`;
  if (raw === undefined || same || Buffer.byteLength(json) <= maxBytes) return json;
  return `{"facts":${JSON.stringify(facts)},"event":${wire}}`;
}

/** Reads what {@link encodeLetter} wrote. @param letter As text, or as what JSON makes of it. */
export function decodeLetter(letter: string | object): DeadLetter {
  const { facts, event: wire } = typeof letter === 'string' ? JSON.parse(letter) : letter;
  const event = decodeEvent(wire);
  const { raw } = facts;
  return {
    ...facts,
    event,
    failedAt: new Date(facts.failedAt),
    changedAt: new Date(facts.changedAt),
    ...(raw && { raw: { ...raw, body: raw.body ?? encodeEvent(event) } }),
  };
}
