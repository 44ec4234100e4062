import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type {
  Projection,
  ProjectionResetContext,
  StoredEvent,
  SubscriptionContext,
} from 'nestjs-durable-events/store';
import { DATABASE, type Database } from '../database.js';
import type { OrderEvent } from '../orders/order.events.js';

/**
 * How many of each article were ordered and not cancelled. It counts, so an event that came twice would be wrong for
 * ever: the transaction sees to it that none does.
 */
@Injectable()
export class Sales implements Projection, OnModuleInit {
  readonly name = 'sales';
  readonly types = ['order.placed', 'order.cancelled'];
  readonly transaction = true;

  constructor(@Inject(DATABASE) private readonly database: Database) {}

  async onModuleInit(): Promise<void> {
    await this.database.query(
      'create table if not exists sold (order_id text, article text, quantity int, primary key (order_id, article))',
    );
  }

  async reset({ client }: ProjectionResetContext): Promise<void> {
    await client!.query('delete from sold');
  }

  async handle(event: StoredEvent & OrderEvent, { client }: SubscriptionContext): Promise<void> {
    if (event.type === 'order.cancelled') {
      await client!.query('delete from sold where order_id = $1', [event.streamId]);
    } else if (event.type === 'order.placed') {
      for (const { article, quantity } of event.data.lines) {
        await client!.query(
          `insert into sold values ($1, $2, $3)
           on conflict (order_id, article) do update set quantity = sold.quantity + excluded.quantity`,
          [event.streamId, article, quantity],
        );
      }
    }
  }

  async all(): Promise<unknown[]> {
    const { rows } = await this.database.query(
      'select article, sum(quantity)::int as quantity from sold group by article order by quantity desc, article',
    );
    return rows;
  }
}
