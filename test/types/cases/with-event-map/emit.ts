import { type EventBus, defineEvent } from 'nestjs-durable-events';
import type {} from './event-map.js';
import { z } from 'zod';

const Shipped = defineEvent('order.shipped', {
  schema: z.object({ orderId: z.string(), at: z.coerce.date() }),
});

class Cancelled {
  constructor(readonly orderId: string) {}
}

export async function right(bus: EventBus): Promise<void> {
  await bus.emit('after:signup', { email: 'ada@example.org' });
  await bus.emitSync('order.placed', { orderId: 'o1' }, { key: 'o1' });
  const { id, backend } = await bus.emitAsync('order.paid', { orderId: 'o1', cents: 100 }, { delayMs: 1000 });
  await bus.emit('tick');
  await bus.emit(Shipped, { orderId: 'o1', at: '2024-02-29' });
  await bus.emit(Cancelled, new Cancelled('o1'));
  await bus.emitBatch([
    { type: 'order.placed', data: { orderId: id } },
    { type: 'tick' },
    { type: Shipped, data: { orderId: backend, at: new Date() }, options: { key: 'o1' } },
    { type: Cancelled, data: new Cancelled('o1') },
  ]);
}

export async function wrongPayload(bus: EventBus): Promise<void> {
  // error TS2322: Type 'number' is not assignable to type 'string'.
  await bus.emit('order.placed', { orderId: 1 });
  // error TS2322: Type 'number' is not assignable to type 'string'.
  await bus.emitSync('order.placed', { orderId: 1 });
  // error TS2322: Type 'number' is not assignable to type 'string'.
  await bus.emitAsync('order.placed', { orderId: 1 });
  // error TS2345 or TS2741: Property 'cents' is missing in type '{ orderId: string; }'
  await bus.emitAsync('order.paid', { orderId: 'o1' });
  // error TS2353: 'total' does not exist in type '{ orderId: string; }'.
  await bus.emit('order.placed', { orderId: 'o1', total: 3 });
  // error TS2554: Expected 2-3 arguments, but got 1.
  await bus.emit('order.placed');
  // error TS2322: Type 'number' is not assignable to type 'string'.
  await bus.emit(Shipped, { orderId: 1, at: new Date() });
  // error TS2345 or TS2741: Property 'orderId' is missing in type '{}'
  await bus.emit(Cancelled, {});
}

export async function wrongPayloadInABatch(bus: EventBus): Promise<void> {
  // error TS2322: Type 'number' is not assignable to type 'string'.
  await bus.emitBatch([{ type: 'order.placed', data: { orderId: 1 } }]);
  await bus.emitBatch([
    { type: 'tick' },
    // error TS2322: Type 'number' is not assignable to type 'string'.
    { type: Shipped, data: { orderId: 1, at: new Date() } },
    // error TS2741: Property 'orderId' is missing in type '{}'
    { type: Cancelled, data: {} },
  ]);
}

export async function wrongName(bus: EventBus): Promise<void> {
  // error TS2345: Argument of type '"order.plced"' is not assignable to parameter of type 'EventKey'.
  await bus.emit('order.plced', { orderId: 'o1' });
  // error TS2345: Argument of type '"order.*"' is not assignable to parameter of type 'EventKey'.
  await bus.emit('order.*', { orderId: 'o1' });
}

export async function wrongOptions(bus: EventBus): Promise<void> {
  // error TS2353: 'urgent' does not exist in type 'EmitOptions'.
  await bus.emitAsync('order.placed', { orderId: 'o1' }, { urgent: true });
}
