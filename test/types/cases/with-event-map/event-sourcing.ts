import { defineEvent, type EventOf } from 'nestjs-durable-events';
import {
  Aggregate,
  AggregateRepository,
  defineAggregate,
  defineProjection,
  type EventStore,
  type Projection,
  ProjectionsModule,
  type StoredEvent,
} from 'nestjs-durable-events/store';
import { given } from 'nestjs-durable-events/testing';
import { z } from 'zod';
import type {} from './event-map.js';

const Shipped = defineEvent('order.shipped', { schema: z.object({ at: z.coerce.date() }) });

interface Order {
  readonly status: 'new' | 'placed' | 'paid';
  readonly cents: number;
}
const initial = (): Order => ({ status: 'new', cents: 0 });

const orders = defineAggregate({
  name: 'order',
  events: [Shipped],
  initial,
  evolve: {
    'order.placed': (order) => ({ ...order, status: 'placed' }),
    'order.paid': (order, { data }) => ({ ...order, status: 'paid', cents: data.cents }),
    'order.shipped': (order, { data }) => ({ ...order, cents: data.at.getTime() }),
  },
});
const byFunction = defineAggregate({
  name: 'order',
  initial,
  evolve: (order, event: EventOf<'order.placed' | 'order.paid'>) =>
    event.type === 'order.paid' ? { ...order, cents: event.data.cents } : order,
});

class OrderAggregate extends Aggregate<typeof orders> {
  static readonly definition = orders;
  pay(cents: number): void {
    this.apply({ type: 'order.paid', data: { orderId: this.id, cents } });
  }
}

declare const store: EventStore;

export async function right(): Promise<void> {
  const repository = new AggregateRepository(store, orders);
  const { state } = await repository.handle('o1', () => ({ type: 'order.placed', data: { orderId: 'o1' } }));
  const status: 'new' | 'placed' | 'paid' = state.status;
  await repository.handle(status, () => [{ type: 'order.shipped', data: { at: '2024-02-29' } }]);
  await repository.handle('o1', async () => undefined);
  await new AggregateRepository(store, byFunction).handle('o1', () => ({
    type: 'order.paid',
    data: { orderId: 'o1', cents: 1 },
  }));
  const order = await new AggregateRepository(store, OrderAggregate).load('o1');
  order.pay(100);
  const placed = { type: 'order.placed', data: { orderId: 'o1' } } as const;
  await given(OrderAggregate, [placed])
    .when((order) => order.pay(1))
    .then(RangeError);
  await given(orders, [placed])
    .when(() => placed)
    .then([placed]);
}

export class OrderList implements Projection {
  readonly name = 'order-list';
  readonly types = 'order.*';
  reset(): void {}
  handle(event: StoredEvent & EventOf<'order.*'>): string {
    return event.type === 'order.paid' ? String(event.data.cents) : event.position;
  }
}
ProjectionsModule.forRoot({
  store,
  projections: [
    OrderList,
    defineProjection({ name: 'paid', reset() {}, handle: { 'order.paid': ({ data }) => data.cents } }),
  ],
});

export async function wrong(): Promise<void> {
  const repository = new AggregateRepository(store, orders);
  // error TS2322: Type 'number' is not assignable to type 'string'.
  await repository.handle('o1', () => ({ type: 'order.placed', data: { orderId: 1 } }));
  // error TS2322: Type '"order.item.added"' is not assignable to type
  await repository.handle('o1', () => ({ type: 'order.item.added', data: { sku: 'a' } }));
  // error TS2353: 'handles' does not exist
  ProjectionsModule.forRoot({ store, projections: [], handles: [] });
  // error TS1320: Type of 'await' operand must either be a valid promise or must not contain a callable 'then' member.
  await given(orders).when(() => undefined);
  // error TS2322: Type 'number' is not assignable to type 'string'.
  given(orders, [{ type: 'order.placed', data: { orderId: 1 } }]);
}

defineAggregate({
  name: 'order',
  initial,
  evolve: {
    // error TS2322: is not assignable to type '"No event is named 'order.plced'."'.
    'order.plced': (order: Order) => order,
  },
});
defineAggregate({
  name: 'order',
  initial,
  evolve: {
    // error TS2339: Property 'cents' does not exist on type '{ orderId: string; }'.
    'order.placed': (order, { data }) => ({ ...order, cents: data.cents }),
  },
});
defineAggregate({
  name: 'order',
  initial,
  evolve: {
    // error TS2322: Type '"payed"' is not assignable to type
    'order.paid': (order) => ({ ...order, status: 'payed' }),
  },
});
defineProjection({
  name: 'paid',
  reset() {},
  handle: {
    // error TS2339: Property 'total' does not exist on type '{ orderId: string; cents: number; }'.
    'order.paid': ({ data }) => data.total,
  },
});
