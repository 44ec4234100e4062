import { defineEvent, type EventOf } from 'nestjs-durable-events';
import { z } from 'zod';

/** What is ordered of an article, and the price of one. */
export const Line = z.object({
  article: z.string().min(1),
  quantity: z.int().min(1),
  cents: z.int().min(0),
});
export type Line = z.infer<typeof Line>;

export const OrderPlaced = defineEvent('order.placed', {
  schema: z.object({ customer: z.string().min(1), lines: z.array(Line).min(1) }),
});
export const OrderPaid = defineEvent('order.paid', { schema: z.object({ cents: z.int() }) });
export const OrderShipped = defineEvent('order.shipped', { schema: z.object({ parcel: z.string().min(1) }) });
export const OrderCancelled = defineEvent('order.cancelled', {
  schema: z.object({ reason: z.string().min(1) }),
});

/** Whatever happens to an order. */
export type OrderEvent = EventOf<
  typeof OrderPlaced | typeof OrderPaid | typeof OrderShipped | typeof OrderCancelled
>;
