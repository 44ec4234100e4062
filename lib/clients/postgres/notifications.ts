import type { PostgresConnectionOption, PostgresPool } from './connection.js';
import { toError } from '../../dispatch/failure.js';

const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 10_000;

/** A connection that listens. */
export interface Listener {
  /** Ends it. */
  close(): Promise<void>;
}

/** Opens a connection that listens. */
export type Listen = (
  channel: string,
  notified: () => void,
  lost: (error: Error) => void,
) => Promise<Listener>;

/**
 * Tells when others have published. It is a hint that saves waiting for the next poll, no more: what it misses, polling
 * finds, so that its own failures are no trouble of anybody's.
 */
export class Notifications {
  #listener: Promise<Listener | undefined> = Promise.resolve(undefined);
  #retry: NodeJS.Timeout | undefined;
  #stopped = false;

  /** @param listen Absent where the connection cannot listen. */
  constructor(private readonly listen: Listen | undefined) {}

  start(channel: string, changed: () => void): void {
    if (this.listen !== undefined) this.#open(this.listen, channel, changed, FIRST_RETRY_MS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#retry);
    const listener = await this.#listener;
    await listener?.close();
  }

  #open(listen: Listen, channel: string, changed: () => void, waitMs: number): void {
    const again = () => {
      if (this.#stopped) return;
      const nextMs = Math.min(waitMs * 2, LONGEST_RETRY_MS);
      this.#retry = setTimeout(() => this.#open(listen, channel, changed, nextMs), waitMs).unref();
    };
    this.#listener = listen(channel, changed, again).then(
      (listener) => {
        changed(); // whatever came while nobody listened
        return listener;
      },
      () => {
        again();
        return undefined;
      },
    );
  }
}

/** How this kind of connection listens; `undefined` where it cannot. */
export function listenOn(connection: PostgresConnectionOption): Listen | undefined {
  if (typeof connection === 'string') return byClient({ connectionString: connection });
  if (isPool(connection)) return byPool(connection);
  if ('query' in connection) return hasListen(connection) ? byOwnListen(connection) : undefined;
  return byClient(connection);
}

function isPool(connection: object): connection is PostgresPool {
  return 'totalCount' in connection && 'connect' in connection;
}

interface Listening {
  listen(channel: string, callback: () => void): Promise<unknown>;
  unlisten(channel: string, callback: () => void): Promise<void>;
}

/** As PGlite. */
function hasListen(connection: object): connection is Listening {
  return 'listen' in connection && 'unlisten' in connection && typeof connection.listen === 'function';
}

function byOwnListen(connection: Listening): Listen {
  return async (channel, notified) => {
    await connection.listen(quote(channel), notified);
    // The function that PGlite gives for it forgets the quotes.
    return { close: () => connection.unlisten(quote(channel), notified) };
  };
}

/** Borrows a connection for good: one fewer for everybody else. */
function byPool(pool: PostgresPool): Listen {
  return async (channel, notified, lost) => {
    const client = (await pool.connect()) as Awaited<ReturnType<PostgresPool['connect']>> & NotifiedClient;
    const broken = (error: Error) => {
      client.off('notification', notified);
      client.off('error', broken);
      client.release(error);
      lost(error);
    };
    client.on('notification', notified);
    client.on('error', broken);
    try {
      await client.query(`LISTEN ${quote(channel)}`);
    } catch (thrown) {
      broken(toError(thrown));
      throw thrown;
    }
    return {
      close: async () => {
        client.off('notification', notified);
        client.off('error', broken);
        // Closed instead of given back: it would go on receiving.
        client.release(new Error('no longer listening'));
      },
    };
  };
}

interface NotifiedClient {
  on(event: 'notification', listener: () => void): unknown;
  off(event: 'notification', listener: () => void): unknown;
}

function byClient(settings: object): Listen {
  return async (channel, notified, lost) => {
    const { Client } = await import('pg');
    const client = new Client({ ...settings, keepAlive: true });
    let open = true;
    const ended = (error?: Error) => {
      if (!open) return;
      open = false;
      lost(error ?? new Error('the connection ended'));
    };
    client.on('notification', notified);
    client.on('error', ended);
    client.on('end', () => ended());
    try {
      await client.connect();
      await client.query(`LISTEN ${quote(channel)}`);
    } catch (error) {
      open = false;
      await client.end().catch(() => undefined); // it never was a connection
      throw error;
    }
    return {
      close: async () => {
        open = false;
        await client.end();
      },
    };
  };
}

function quote(channel: string): string {
  return `"${channel.replaceAll('"', '""')}"`;
}
