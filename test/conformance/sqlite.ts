import { join } from 'node:path';
import { SqliteBackend } from 'nestjs-durable-events/sqlite';
import type { BackendFactory } from 'nestjs-durable-events/testing';

export const concurrency = 10;
export const leaseMs = 500;
export const maxEventBytes = 1_000_000;

export const fileOf = (folder: string, namespace: string) => join(folder, `${namespace}.db`);

/** A backend of every case in a file of its own, for the cases and for the processes that they start. */
export function sqlite(folder: () => string): BackendFactory {
  return ({ namespace, group }) =>
    new SqliteBackend({
      connection: fileOf(folder(), namespace),
      group,
      concurrency,
      leaseMs,
      maxDeliveries: 3,
      pollMs: 20,
      publishTimeoutMs: 1500,
      maxEventBytes,
    });
}
