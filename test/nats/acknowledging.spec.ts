import { describe, expect, it } from '@jest/globals';
import type { Msg } from '@nats-io/transport-node';
import { placeOf } from '../../lib/backends/nats-jetstream/message.js';

describe('the place of a message', () => {
  it.each([
    ['plain', '$JS.ACK.events.orders.2.4711.88.1700000000000000000.12'],
    ['with a domain', '$JS.ACK.hub.ACCHASH.events.orders.2.4711.88.1700000000000000000.12.r4nd0m'],
    ['without a domain, and something random', '$JS.ACK._.ACCHASH.events.orders.2.4711.88.17.12.r4nd0m'],
  ])('is read from a subject that is %s', (_, reply) => {
    expect(placeOf({ reply } as Msg)).toEqual({ deliveries: 2, sequence: 4711, pending: 12 });
  });
});
