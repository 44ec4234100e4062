import { PostgresBackend } from 'nestjs-durable-events/postgres';
import type { BackendFactory } from 'nestjs-durable-events/testing';

export const concurrency = 10;
export const leaseMs = 1500;
export const maxEventBytes = 1_000_000;

/** A namespace of the kit as a name of tables. */
export const nameOf = (namespace: string) => namespace.replaceAll('-', '_');

/** Where the server is. */
export interface Place {
  readonly url: string;
  readonly schema: string;
}

/** A backend of every case in tables of its own, for the cases and for the processes that they start. */
export function postgres(place: () => Place): BackendFactory {
  return ({ namespace, group }) =>
    new PostgresBackend({
      connection: { connectionString: place().url, max: 3 },
      schema: place().schema,
      namespace: nameOf(namespace),
      group,
      concurrency,
      leaseMs,
      maxDeliveries: 3,
      publishTimeoutMs: 3000,
      maxEventBytes,
    });
}
