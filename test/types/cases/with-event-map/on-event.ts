import { defineEvent, type Event, type EventOf, type HandlerContext, OnEvent } from 'nestjs-durable-events';
import { z } from 'zod';
import type { Signup } from './event-map.js';

const Shipped = defineEvent('order.shipped', {
  schema: z.object({ orderId: z.string(), at: z.coerce.date() }),
});

class Cancelled {
  constructor(readonly orderId: string) {}
}

export class Right {
  @OnEvent('after:signup', { priority: 10, retry: { maxRetries: 5 } })
  name(event: Event<Signup>, context: HandlerContext): string {
    return event.data.email + context.handlerId;
  }

  @OnEvent('order.placed')
  exact(event: EventOf<'order.placed'>): 'order.placed' {
    return event.type;
  }

  @OnEvent('order.*')
  oneSegment(event: EventOf<'order.*'>): string {
    return event.type === 'order.paid' ? String(event.data.cents) : event.data.orderId;
  }

  @OnEvent('order.**')
  manySegments(event: EventOf<'order.**'>): string {
    return event.type === 'order.item.added' ? event.data.sku : event.data.orderId;
  }

  @OnEvent('*')
  everything(event: Event): string {
    return event.id;
  }

  @OnEvent(['order.placed', 'after:signup'])
  list(event: EventOf<'order.placed' | 'after:signup'>): string {
    return event.type === 'order.placed' ? event.data.orderId : event.data.email;
  }

  @OnEvent(Shipped)
  definition(event: EventOf<typeof Shipped>): Date {
    return event.data.at;
  }

  @OnEvent(Cancelled)
  payloadClass(event: Event<Cancelled>): string {
    return event.data.orderId;
  }

  @OnEvent('tick')
  @OnEvent('order.placed')
  nothingNeeded(): void {}
}

export class WrongParameter {
  // error TS1241: Type 'string' is not assignable to type 'number'.
  @OnEvent('order.placed')
  name(event: Event<{ orderId: number }>): number {
    return event.data.orderId;
  }

  // error TS1241: Property 'cents' is missing in type '{ orderId: string; }'
  @OnEvent('order.*')
  oneSegment(event: Event<{ cents: number }>): number {
    return event.data.cents;
  }

  // error TS1241: Property 'orderId' is missing in type '{ sku: string; }'
  @OnEvent('order.**')
  manySegments(event: Event<{ orderId: string }>): string {
    return event.data.orderId;
  }

  // error TS1241: Property 'orderId' is missing in type 'Signup'
  @OnEvent(['order.placed', 'after:signup'])
  list(event: Event<{ orderId: string }>): string {
    return event.data.orderId;
  }

  // error TS1241: Type 'Date' is not assignable to type 'string'.
  @OnEvent(Shipped)
  definition(event: Event<{ at: string }>): string {
    return event.data.at;
  }

  // error TS1241: Type 'string' is not assignable to type 'number'.
  @OnEvent(Cancelled)
  payloadClass(event: Event<{ orderId: number }>): number {
    return event.data.orderId;
  }

  // error TS1241: is not assignable to type 'string'.
  @OnEvent('order.placed')
  notAnEvent(orderId: string): string {
    return orderId;
  }
}

export class WrongName {
  // error TS2345: No event is named or matches 'order.plced'.
  @OnEvent('order.plced')
  name(): void {}

  // error TS2345: No event is named or matches 'ordr.*'.
  @OnEvent('ordr.*')
  pattern(): void {}

  // error TS2345: No event is named or matches 'ordr.*'.
  @OnEvent(['order.placed', 'ordr.*'])
  list(): void {}
}

export class WrongOptions {
  // error TS2353: 'prio' does not exist in type 'OnEventOptions'.
  @OnEvent('order.placed', { prio: 1 })
  options(): void {}
}
