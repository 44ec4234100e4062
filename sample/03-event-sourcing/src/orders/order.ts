import { Aggregate, defineAggregate } from 'nestjs-durable-events/store';
import { type Line, OrderCancelled, OrderPaid, OrderPlaced, OrderShipped } from './order.events.js';

export type Status = 'new' | 'placed' | 'paid' | 'shipped' | 'cancelled';

/** What commands need to know of an order; what people want to see is in the read models. */
interface OrderState {
  readonly status: Status;
  readonly cents: number;
}

/** An order is not in a state for what was asked. */
export class WrongStatus extends Error {
  constructor(asked: string, status: Status) {
    super(`The order cannot be ${asked}: it is ${status}.`);
  }
}

const definition = defineAggregate({
  name: 'order',
  events: [OrderPlaced, OrderPaid, OrderShipped, OrderCancelled],
  initial: (): OrderState => ({ status: 'new', cents: 0 }),
  evolve: {
    'order.placed': (_, { data }) => ({ status: 'placed', cents: totalOf(data.lines) }),
    'order.paid': (order) => ({ ...order, status: 'paid' }),
    'order.shipped': (order) => ({ ...order, status: 'shipped' }),
    'order.cancelled': (order) => ({ ...order, status: 'cancelled' }),
  },
  snapshotEvery: 100,
});

/** Its methods are the commands: each looks at the state, and lets something happen or refuses. */
export class Order extends Aggregate<typeof definition> {
  static readonly definition = definition;

  place(customer: string, lines: Line[]): void {
    this.#need('placed', 'new');
    this.apply({ type: 'order.placed', data: { customer, lines } });
  }

  pay(): void {
    this.#need('paid', 'placed');
    this.apply({ type: 'order.paid', data: { cents: this.state.cents } });
  }

  ship(parcel: string): void {
    this.#need('shipped', 'paid');
    this.apply({ type: 'order.shipped', data: { parcel } });
  }

  cancel(reason: string): void {
    this.#need('cancelled', 'placed', 'paid');
    this.apply({ type: 'order.cancelled', data: { reason } });
  }

  /** @throws {WrongStatus} */
  #need(asked: string, ...allowed: Status[]): void {
    if (!allowed.includes(this.state.status)) throw new WrongStatus(asked, this.state.status);
  }
}

/** What an order costs, in cents. */
export function totalOf(lines: readonly Line[]): number {
  return lines.reduce((sum, { quantity, cents }) => sum + quantity * cents, 0);
}
