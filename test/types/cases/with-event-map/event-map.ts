export interface Signup {
  email: string;
}

declare module 'nestjs-durable-events' {
  interface EventMap {
    'after:signup': Signup;
    'order.placed': { orderId: string };
    'order.paid': { orderId: string; cents: number };
    'order.item.added': { sku: string };
    tick: undefined;
  }
}
