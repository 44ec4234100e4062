import { describe, expect, it } from '@jest/globals';
import { createEvent, EventPublishError, EventTooLargeError } from 'nestjs-durable-events';
import { Database } from '../../lib/backends/sqlite/database.js';
import { openDriver } from '../../lib/backends/sqlite/driver.js';
import { waitFor } from '../support/wait-for.js';
import { useFile } from './use-file.js';

describe('SQLite: publishing', () => {
  const scene = useFile();

  it('stores an id of the emitter once, also over a restart, and per source', async () => {
    const first = scene().bus();
    expect(await first.emitAsync('x', 1, { id: 'i' })).toEqual({ id: 'i', backend: 'sqlite' });
    expect(await first.emitAsync('y', 2, { id: 'i' })).toMatchObject({ duplicate: true });
    expect(await first.emitAsync('x', 3, { id: 'i', source: 'elsewhere' })).not.toHaveProperty('duplicate');
    await first.close();
    const again = scene().bus();
    const [same, other] = await again.emitBatch([
      { type: 'x', options: { id: 'i' } },
      { type: 'x', options: { id: 'j' } },
    ]);
    expect(same).toMatchObject({ value: { duplicate: true } });
    expect(other).not.toHaveProperty('value.duplicate');
    expect((await again.stats()).backend).toMatchObject({ queued: 3 });
  });

  it('forgets an id after deduplicationMs', async () => {
    const bus = scene().bus({ deduplicationMs: 50 });
    await bus.emitAsync('x', 1, { id: 'i' });
    await waitFor(async () => (await bus.emitAsync('x', 1, { id: 'i' })).duplicate !== true, {
      timeoutMs: 5000,
    });
    expect((await bus.stats()).backend).toMatchObject({ queued: 2 });
  });

  it('takes back what is not due, and then only', async () => {
    const bus = scene().bus();
    const handled: unknown[] = [];
    bus.on('x', ({ data }) => void handled.push(data));
    await bus.start();
    await bus.emitAsync('x', 'cancelled', { id: 'a', delayMs: 60_000 });
    await bus.emitAsync('x', 'due', { id: 'b', delayMs: 30 });
    expect(await bus.cancel('a')).toBe(true);
    expect(await bus.cancel('a')).toBe(false);
    await waitFor(() => handled.length === 1);
    expect(await bus.cancel('b')).toBe(false);
    expect(await bus.cancel('unknown')).toBe(false);
    // It never was, so its id is free.
    expect(await bus.emitAsync('x', 'again', { id: 'a' })).not.toHaveProperty('duplicate');
    await waitFor(() => handled.length === 2);
    expect(handled).toEqual(['due', 'again']);
  });

  it('waits for another process that writes without holding up this one, and says so in time', async () => {
    const bus = scene().bus({ publishTimeoutMs: 1500 });
    await bus.emitAsync('x', 0);
    const other = new Database(scene().path, 'NORMAL', 1000);
    await other.open();
    other.exec('BEGIN IMMEDIATE');
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 5);
    const error: unknown = await bus.emitAsync('x', 1).catch((thrown: unknown) => thrown);
    clearInterval(ticking);
    expect(error).toBeInstanceOf(EventPublishError);
    expect((error as Error).message).toMatch(/^SqliteBackend did not store the event: /);
    // A wait inside SQLite would have stopped the event loop altogether.
    expect(ticks).toBeGreaterThan(3);
    other.exec('ROLLBACK');
    await bus.emitAsync('x', 2);
    other.close();
  });

  it('sets up a new file that was locked at the first try, as any other', async () => {
    const other = await openDriver(scene().path);
    other.exec('BEGIN EXCLUSIVE');
    const database = new Database(scene().path, 'FULL', 50);
    await expect(database.open()).rejects.toThrow('database is locked');
    other.exec('ROLLBACK');
    other.close();
    await database.open();
    expect(database.get('PRAGMA journal_mode')).toEqual({ journal_mode: 'wal' });
    expect(database.get('PRAGMA synchronous')).toEqual({ synchronous: 2 });
    database.close();
  });

  it('rejects when the disk is full, and works again when it is not', async () => {
    const backend = scene().backend();
    await backend.publish(createEvent('x', 0));
    const limited = new Database(scene().path, 'NORMAL', 1000);
    await limited.open();
    const pages = limited.get<{ page_count: number }>('PRAGMA page_count')!.page_count;
    limited.close();
    // The limit of pages holds per connection: a connection of the test is what the backend works with.
    const driver = await openDriver(scene().path);
    driver.exec(`PRAGMA max_page_count = ${pages + 2}`);
    const full = scene().backend({ connection: driver });
    const large = createEvent('x', 'l'.repeat(50_000));
    await expect(full.publish(large)).rejects.toThrow(/full/);
    driver.exec('PRAGMA max_page_count = 1000000');
    await full.publish(large);
    expect(await full.stats()).toMatchObject({ queued: 2 });
    await full.close();
    driver.exec('SELECT 1'); // a database that was passed in is not closed
    driver.close();
  });

  it('refuses an event beyond maxEventBytes by name, before anything is stored', async () => {
    const bus = scene().bus({ maxEventBytes: 400 });
    await bus.emitAsync('x', 'a'.repeat(100));
    const error: unknown = await bus
      .emitAsync('x', 'a'.repeat(400), { id: 'i' })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(EventTooLargeError);
    expect((error as Error).message).toMatch(/'x' \(i\).*400 .*'maxEventBytes' of SqliteBackend/);
    expect((await bus.stats()).backend).toMatchObject({ queued: 1 });
  });

  it('keeps what is published before the first consumer, for the group that publishes', async () => {
    const producer = scene().bus();
    for (let i = 0; i < 3; i++) await producer.emitAsync('x', i);
    await producer.close();
    const consumer = scene().bus();
    const handled: unknown[] = [];
    consumer.on('x', ({ data }) => void handled.push(data));
    await consumer.start();
    await waitFor(() => handled.length === 3);
    expect(handled).toEqual([0, 1, 2]);
  });

  it('hands out urgent events first', async () => {
    const bus = scene().bus({ concurrency: 1, priorityOf: ({ type }) => (type === 'urgent' ? 1 : 0) });
    const handled: string[] = [];
    bus.on('*', async ({ type }) => void handled.push(type));
    for (const type of ['calm', 'calm', 'urgent', 'calm', 'urgent']) await bus.emitAsync(type);
    await bus.start();
    await waitFor(() => handled.length === 5);
    expect(handled).toEqual(['urgent', 'urgent', 'calm', 'calm', 'calm']);
  });
});
