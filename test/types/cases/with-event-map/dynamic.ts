import { defineEvent, type Event, type EventBus } from 'nestjs-durable-events';
import type {} from './event-map.js';
import { z } from 'zod';

const Shipped = defineEvent('order.shipped', { schema: z.object({ at: z.coerce.date() }) });

export function right(bus: EventBus): void {
  bus.on('order.placed', ({ data }) => data.orderId);
  bus.on('order.placed', (event: Event<{ orderId: string }>) => event.data.orderId);
  bus.once('order.*', (event) => (event.type === 'order.paid' ? event.data.cents : event.data.orderId));
  bus.on(Shipped, ({ data }) => data.at.getTime());
}

export function wrong(bus: EventBus): void {
  // error TS2345: Type 'string' is not assignable to type 'number'.
  bus.on('order.placed', (event: Event<{ orderId: number }>) => event.data.orderId);
  // error TS2345: Type 'Date' is not assignable to type 'string'.
  bus.once(Shipped, (event: Event<{ at: string }>) => event.data.at);
  // error TS2345: No event is named or matches 'ordr.*'.
  bus.on('ordr.*', () => undefined);
}
