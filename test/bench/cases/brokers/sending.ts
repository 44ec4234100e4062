import type { Payload } from './payload.js';
import type { Producer } from './transport.js';

/** Sends that many events and keeps `inFlight` of them under way. */
export function sendMany(
  producer: Producer,
  make: () => Payload,
  events: number,
  inFlight: number,
): Promise<void> {
  let left = events;
  return sendWhile(producer, make, inFlight, (wanted) => {
    const taken = Math.min(wanted, left);
    left -= taken;
    return taken;
  });
}

/** Sends for a time and keeps `inFlight` under way. Resolves with how many it sent when all are answered. */
export async function sendFor(
  producer: Producer,
  make: () => Payload,
  ms: number,
  inFlight: number,
): Promise<number> {
  const end = performance.now() + ms;
  let sent = 0;
  await sendWhile(producer, make, inFlight, (wanted) => {
    const taken = performance.now() < end ? wanted : 0;
    sent += taken;
    return taken;
  });
  return sent;
}

/** @param take Says how many of the wanted events may be sent; none ends it. */
async function sendWhile(
  { send, bulk }: Producer,
  make: () => Payload,
  inFlight: number,
  take: (wanted: number) => number,
): Promise<void> {
  const one = async (): Promise<void> => {
    while (take(1) > 0) await send(make());
  };
  const many = async ({ size, send }: NonNullable<Producer['bulk']>): Promise<void> => {
    for (let taken = take(size); taken > 0; taken = take(size))
      await send(Array.from({ length: taken }, make));
  };
  const lanes = bulk === undefined ? inFlight : Math.max(1, Math.floor(inFlight / bulk.size));
  await Promise.all(Array.from({ length: lanes }, () => (bulk === undefined ? one() : many(bulk))));
}

/** Sends at a steady rate, whatever the answers take, and resolves when all are answered. */
export async function sendSteadily(
  { send }: Producer,
  make: () => Payload,
  perSecond: number,
  forMs: number,
): Promise<void> {
  const start = performance.now();
  const total = Math.floor((perSecond * forMs) / 1_000);
  const sends: Promise<unknown>[] = [];
  while (sends.length < total) {
    const due = Math.min(total, Math.floor(((performance.now() - start) * perSecond) / 1_000));
    while (sends.length < due) sends.push(send(make()));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(sends);
}
