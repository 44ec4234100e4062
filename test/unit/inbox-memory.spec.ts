import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { type InboxKey, MemoryInbox } from 'nestjs-durable-events';

const key = (eventId: string, handlerId = 'h'): InboxKey => ({ eventId, handlerId });

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

describe('MemoryInbox', () => {
  it('gives a key to one owner, and tells the others how long its claim holds', async () => {
    jest.useFakeTimers();
    const inbox = new MemoryInbox();
    expect(await inbox.claim([key('a')], 'one', 1000)).toEqual(['claimed']);
    jest.advanceTimersByTime(400);
    expect(await inbox.claim([key('a'), key('b'), key('a', 'other')], 'two', 1000)).toEqual([
      600,
      'claimed',
      'claimed',
    ]);
    expect(await inbox.claim([key('a')], 'one', 1000)).toEqual([600]);
    jest.advanceTimersByTime(600);
    expect(await inbox.claim([key('a')], 'two', 1000)).toEqual(['claimed']);
  });

  it('tells keys apart whose parts make up the same text', async () => {
    const inbox = new MemoryInbox();
    const keys = [key('c', 'ab'), key('bc', 'a'), key('', 'abc'), key('abc', '')];
    expect(await inbox.claim(keys, 'one', 1000)).toEqual(keys.map(() => 'claimed'));
  });

  it('renews what its owner holds, and nothing else', async () => {
    jest.useFakeTimers();
    const inbox = new MemoryInbox();
    await inbox.claim([key('a')], 'one', 1000);
    jest.advanceTimersByTime(900);
    expect(await inbox.renew([key('a')], 'one', 1000)).toEqual([true]);
    jest.advanceTimersByTime(900);
    expect(await inbox.renew([key('a'), key('b')], 'two', 1000)).toEqual([false, false]);
    expect(await inbox.renew([key('a')], 'one', 1000)).toEqual([true]);
    jest.advanceTimersByTime(1000);
    expect(await inbox.renew([key('a')], 'one', 1000)).toEqual([false]);
  });

  it('remembers what is handled for the retention, whoever holds it', async () => {
    jest.useFakeTimers();
    const inbox = new MemoryInbox();
    await inbox.claim([key('a')], 'one', 1000);
    await inbox.complete([key('a')], 'somebody who lost it', 5000);
    jest.advanceTimersByTime(4999);
    expect(await inbox.claim([key('a')], 'two', 1000)).toEqual(['handled']);
    jest.advanceTimersByTime(1);
    expect(await inbox.claim([key('a')], 'two', 1000)).toEqual(['claimed']);
  });

  it('releases for its owner alone, and not what is handled', async () => {
    const inbox = new MemoryInbox();
    await inbox.claim([key('a')], 'one', 1000);
    await inbox.release([key('a')], 'two');
    expect(await inbox.claim([key('a')], 'two', 1000)).toEqual([expect.any(Number)]);
    await inbox.release([key('a')], 'one');
    expect(await inbox.claim([key('a')], 'two', 1000)).toEqual(['claimed']);
    await inbox.complete([key('a')], 'two', 1000);
    await inbox.release([key('a')], 'two');
    expect(await inbox.claim([key('a')], 'one', 1000)).toEqual(['handled']);
  });

  it('lets go of what is out of date', async () => {
    jest.useFakeTimers();
    const inbox = new MemoryInbox();
    for (let i = 0; i < 1000; i++) await inbox.complete([key(`old ${i}`)], 'one', 1000);
    expect(inbox.size).toBe(1000);
    jest.advanceTimersByTime(1000);
    await inbox.complete([key('new')], 'one', 1000);
    expect(inbox.size).toBe(1);
  });

  it('is bounded: the oldest are forgotten early, and that is said once', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockReturnValue();
    const inbox = new MemoryInbox({ maxEntries: 10 });
    await inbox.complete([key('first')], 'one', 60_000);
    for (let i = 0; i < 9; i++) await inbox.complete([key(`${i}`)], 'one', 60_000);
    expect(await inbox.claim([key('first')], 'one', 1000)).toEqual(['handled']);
    expect(warn).not.toHaveBeenCalled();
    for (let i = 9; i < 20; i++) await inbox.complete([key(`${i}`)], 'one', 60_000);
    expect(inbox.size).toBe(10);
    expect(await inbox.claim([key('first'), key('19')], 'one', 1000)).toEqual(['claimed', 'handled']);
    expect(warn.mock.calls.map(([message]) => message)).toEqual([
      "MemoryInbox has more than 10 events to remember, and forgets the oldest before their time. Raise 'maxEntries', or lower 'inbox.retentionMs'.",
    ]);
  });

  it('refuses a bound that is none', () => {
    expect(() => new MemoryInbox({ maxEntries: 0 })).toThrow(
      "Option 'maxEntries' of MemoryInbox is 0. Set it to a whole number of at least 1.",
    );
  });
});
