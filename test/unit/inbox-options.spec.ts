import { afterEach, describe, expect, it } from '@jest/globals';
import {
  EventConfigurationError,
  type InboxOptions,
  MemoryBackend,
  MemoryInbox,
} from 'nestjs-durable-events';
import { resolveInbox } from '../../lib/inbox/inbox-options.js';
import { closeBuses, startBus } from './buses.js';
import { PlainBackend } from './plain-backend.js';

afterEach(closeBuses);

const store = new MemoryInbox();
const resolve = (given: unknown, redeliveryHorizonMs?: number) =>
  resolveInbox(
    given as InboxOptions,
    Object.assign(new PlainBackend(), { capabilities: { redeliveryHorizonMs } }),
  );

describe('the inbox option', () => {
  it('is a store, or a store with times', () => {
    expect(resolve(undefined)).toBeUndefined();
    const week = 7 * 24 * 60 * 60 * 1000;
    expect(resolve(store)).toEqual({ store, retentionMs: week, leaseMs: 30_000 });
    expect(resolve({ store, retentionMs: 60_000 })).toEqual({ store, retentionMs: 60_000, leaseMs: 30_000 });
    expect(resolve({ store, leaseMs: 100 })).toEqual({ store, retentionMs: week, leaseMs: 100 });
  });

  it.each<[unknown, string]>([
    [
      'redis://localhost',
      'inbox = redis://localhost, but it must be a store or { store, retentionMs, leaseMs }',
    ],
    [null, 'inbox = null'],
    [{}, 'The inbox given to EventsModule has no claim() method. Give it a store such as new MemoryInbox()'],
    [{ store: {} }, 'has no claim() method'],
    [{ claim: () => undefined }, 'has no complete() method'],
    [{ store, leaseMs: 99 }, 'inbox.leaseMs = 99, but it must be a whole number from 100'],
    [{ store, retentionMs: Infinity }, 'inbox.retentionMs = Infinity, but it must be a whole number'],
    [
      { store, retentionMs: 5000 },
      'inbox.retentionMs = 5000, but it must not be less than inbox.leaseMs = 30000',
    ],
    [
      { store, retention: 5000 },
      "the option 'inbox.retention', which it does not know. It knows store, retentionMs",
    ],
  ])('%j is refused', (given, message) => {
    expect(() => resolve(given)).toThrow(EventConfigurationError);
    expect(() => resolve(given)).toThrow(message);
  });

  it('must remember for as long as the backend may deliver again', () => {
    expect(resolve({ store, retentionMs: 300_000 }, 300_000)).toBeDefined();
    expect(() => resolve({ store, retentionMs: 299_999 }, 300_000)).toThrow(
      "inbox.retentionMs = 299999, but the backend 'plain' may deliver an event again for 300000 ms (its redeliveryHorizonMs). Set inbox.retentionMs to at least that",
    );
  });

  it('of a handler is false or nothing', async () => {
    const bus = await startBus({ backend: new MemoryBackend(), inbox: store });
    expect(() => bus.on('x', () => undefined, { id: 'h', inbox: store as never })).toThrow(
      "Handler 'h' (added by on()) has inbox = [object Object], but it must be false",
    );
  });
});
