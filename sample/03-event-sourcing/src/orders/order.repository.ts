import { Injectable } from '@nestjs/common';
import { AggregateRepository, EventStore } from 'nestjs-durable-events/store';
import { Order } from './order.js';

@Injectable()
export class OrderRepository extends AggregateRepository<typeof Order.definition, Order> {
  constructor(store: EventStore) {
    super(store, Order, { source: 'shop' });
  }
}
