import { defineEvent, type Event, type EventBus, OnEvent } from 'nestjs-durable-events';
import { z } from 'zod';

const Shipped = defineEvent('order.shipped', { schema: z.object({ orderId: z.string() }) });

class Cancelled {
  static readonly type = 'order.cancelled';
  constructor(readonly orderId: string) {}
}

export class Right {
  constructor(private readonly bus: EventBus) {}

  @OnEvent('after:signup')
  async name({ data }: Event<{ email: string }>): Promise<void> {
    await this.bus.emit('mail.sent', { to: data.email });
    await this.bus.emitAsync(`mail.${data.email}`);
  }

  @OnEvent('order.*')
  pattern(event: Event): unknown {
    return event.data;
  }
}

export class Wrong {
  constructor(private readonly bus: EventBus) {}

  // error TS1241: Type 'string' is not assignable to type 'number'.
  @OnEvent(Shipped)
  async definition(event: Event<{ orderId: number }>): Promise<void> {
    // error TS2322: Type 'number' is not assignable to type 'string'.
    await this.bus.emit(Shipped, { orderId: event.data.orderId });
  }

  // error TS1241: Type 'string' is not assignable to type 'number'.
  @OnEvent(Cancelled)
  async payloadClass(event: Event<{ orderId: number }>): Promise<void> {
    // error TS2353: 'id' does not exist in type 'Cancelled'.
    await this.bus.emit(Cancelled, { id: event.data.orderId });
  }
}
