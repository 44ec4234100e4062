import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type {
  Projection,
  ProjectionResetContext,
  StoredEvent,
  SubscriptionContext,
} from 'nestjs-durable-events/store';
import { DATABASE, type Database } from '../database.js';
import type { OrderEvent } from '../orders/order.events.js';
import { totalOf } from '../orders/order.js';

/** A line for each order: what the list in a shop's back office shows. */
@Injectable()
export class OrderList implements Projection, OnModuleInit {
  readonly name = 'order-list';
  readonly types = 'order.*';
  readonly transaction = true;

  constructor(@Inject(DATABASE) private readonly database: Database) {}

  async onModuleInit(): Promise<void> {
    await this.database.query(
      'create table if not exists order_list (id text primary key, customer text, cents int, status text, placed_at timestamptz)',
    );
  }

  async reset({ client }: ProjectionResetContext): Promise<void> {
    await client!.query('delete from order_list');
  }

  async handle(event: StoredEvent & OrderEvent, { client }: SubscriptionContext): Promise<void> {
    const id = event.streamId!.slice('order-'.length);
    if (event.type === 'order.placed') {
      const { customer, lines } = event.data;
      await client!.query(`insert into order_list values ($1, $2, $3, 'placed', $4)`, [
        id,
        customer,
        totalOf(lines),
        event.createdAt,
      ]);
    } else {
      await client!.query('update order_list set status = $2 where id = $1', [
        id,
        event.type.slice('order.'.length),
      ]);
    }
  }

  async all(): Promise<unknown[]> {
    const { rows } = await this.database.query(
      'select id, customer, cents, status from order_list order by placed_at',
    );
    return rows;
  }
}
