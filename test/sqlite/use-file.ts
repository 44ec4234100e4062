import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from '@jest/globals';
import { createEventBus, type EventBus, type EventsModuleOptions } from 'nestjs-durable-events';
import { SqliteBackend, type SqliteBackendOptions } from 'nestjs-durable-events/sqlite';

/** What a test works with. */
export interface Scene {
  readonly path: string;
  backend(options?: Partial<SqliteBackendOptions>): SqliteBackend;
  /** A bus that is closed after the test. */
  bus(options?: Partial<SqliteBackendOptions>, module?: EventsModuleOptions): EventBus;
}

/** Gives every test a file of its own. */
export function useFile(): () => Scene {
  let folder: string;
  let closers: (() => Promise<unknown>)[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sqlite-'));
    closers = [];
  });
  afterEach(async () => {
    for (const close of closers) await close();
    rmSync(folder, { recursive: true, force: true });
  });
  return () => {
    const path = join(folder, 'events.db');
    const backend = (options: Partial<SqliteBackendOptions> = {}) => {
      const made = new SqliteBackend({
        connection: path,
        group: 'service',
        leaseMs: 300,
        pollMs: 20,
        ...options,
      });
      closers.push(() => made.close());
      return made;
    };
    const bus = (options?: Partial<SqliteBackendOptions>, module: EventsModuleOptions = {}) => {
      const made = createEventBus({
        backend: backend(options),
        retry: { maxRetries: 2, initialBackoffMs: 10 },
        ...module,
      });
      closers.unshift(() => made.close());
      return made;
    };
    return { path, backend, bus };
  };
}
