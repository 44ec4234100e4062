import { nowUs } from './clock.js';

/** What is sent. */
export interface Payload {
  readonly sentAtUs: number;
  readonly text: string;
}

/** Makes payloads that are `bytes` long as JSON. */
export function payloadMaker(bytes: number): () => Payload {
  const rest = JSON.stringify({ sentAtUs: nowUs(), text: '' }).length;
  if (bytes < rest) throw new RangeError(`A payload has at least ${rest} bytes, not ${bytes}.`);
  const text = 'x'.repeat(bytes - rest);
  return () => ({ sentAtUs: nowUs(), text });
}
