import { Pool } from 'pg';
import {
  type Event,
  EventsModule,
  type HandlerContext,
  type InboxStore,
  MemoryInbox,
  OnEvent,
  type SqlClient,
} from 'nestjs-durable-events';

declare const store: InboxStore;
declare const pool: Pool;

EventsModule.forRoot({ inbox: new MemoryInbox(), circuitBreaker: true });
EventsModule.forRoot({ inbox: { store, retentionMs: 60_000 }, circuitBreaker: { openMs: 1000 } });

// error TS2353: 'retention' does not exist
EventsModule.forRoot({ inbox: { store, retention: 60_000 } });

// error TS2353: 'openFor' does not exist
EventsModule.forRoot({ circuitBreaker: { openFor: 1000 } });

export class Right {
  @OnEvent('after:signup', { inbox: false, circuitBreaker: { failureRate: 0.2 } })
  async work(event: Event, { transaction }: HandlerContext): Promise<void> {
    const count: number = await transaction(async (client) => {
      const { rows } = await client.query('update x set y = $1', [event.id]);
      return rows.length;
    });
    const client = await pool.connect();
    const joined: void = await transaction(client);
    const own: SqlClient = { query: async () => ({ rows: [] }) };
    await transaction(own);
    return count > 0 ? joined : undefined;
  }
}

export class Wrong {
  // error TS2322: 'true' is not assignable to type 'false
  @OnEvent('after:signup', { inbox: true })
  store(): void {}

  @OnEvent('after:signup')
  async result(_event: Event, { transaction }: HandlerContext): Promise<void> {
    // error TS2322: Type 'string' is not assignable to type 'number'.
    const wrong: number = await transaction(async () => 'text');
    // error TS2769: No overload matches this call.
    await transaction({ wrong });
  }
}
