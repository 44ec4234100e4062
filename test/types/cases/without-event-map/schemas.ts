import {
  defineEvent,
  type Event,
  type EventBus,
  type EventOf,
  fields,
  fromClass,
  fromJsonSchema,
  OnEvent,
  SchemaRegistry,
} from 'nestjs-durable-events';

const schema = fields({
  email: 'string',
  age: { type: 'integer', required: false },
  plan: { type: 'string', enum: ['free', 'team'], default: 'free' },
  address: fields({ street: 'string', since: 'date' }),
  tags: ['string'],
});
const Signup = defineEvent('after:signup', { schema });

class Order {
  lines!: { sku: string; at: Date }[];

  total(): number {
    return this.lines.length;
  }
}
const Placed = defineEvent('order.placed', { schema: fromClass(Order) });
const Imported = defineEvent('user.imported', { schema: fromJsonSchema<{ email: string }>({}) });

export class Right {
  constructor(private readonly bus: EventBus) {}

  async emit(): Promise<void> {
    const address = { street: 'Main', since: '2026-01-01T00:00:00Z' };
    await this.bus.emit(Signup, { email: 'a', address, tags: [] });
    await this.bus.emit(Signup, { email: 'a', address, tags: ['x'], plan: 'team', age: 1 });
    await this.bus.emit(Placed, { lines: [{ sku: 'a', at: '2026-01-01T00:00:00Z' }] });
    await this.bus.emit(Imported, { email: 'a' });
  }

  @OnEvent(Signup)
  signup({ data }: EventOf<typeof Signup>): [Date, 'free' | 'team', number | undefined, string[]] {
    return [data.address.since, data.plan, data.age, data.tags];
  }

  @OnEvent(Placed)
  placed(event: Event<Order>): number {
    return event.data.total();
  }
}

export const upgraded = defineEvent('user.renamed', {
  version: 3,
  schema: fields({ first: 'string', last: 'string' }),
  upcast: {
    1: (name: string) => ({ name }),
    2: ({ name }: { name: string }) => ({ first: name, last: '' }),
  },
  downcast: { 3: ({ first }: { first: string }) => ({ name: first }) },
  publishVersion: 2,
});
export const registry = new SchemaRegistry().register(Signup, Placed, Imported, upgraded);

export class Wrong {
  constructor(private readonly bus: EventBus) {}

  async emit(): Promise<void> {
    const address = { street: 'Main', since: new Date() };
    // error TS2345 or TS2741: Property 'tags' is missing
    await this.bus.emit(Signup, { email: 'a', address });
    // error TS2820: Type '"teams"' is not assignable to type '"free" | "team"
    await this.bus.emit(Signup, { email: 'a', address, tags: [], plan: 'teams' });
    // error TS2322: Type 'string' is not assignable to type 'number'.
    await this.bus.emit(Signup, { email: 'a', address, tags: [], age: '1' });
    // error TS2322: Type 'number' is not assignable to type 'string'.
    await this.bus.emit(Imported, { email: 1 });
  }

  // error TS1241: Type 'Date' is not assignable to type 'string'.
  @OnEvent(Signup)
  date(event: Event<{ address: { since: string } }>): unknown {
    return event;
  }
}

// error TS2322: Type '"int"' is not assignable to type
export const unknownType = fields({ age: 'int' });

const total = fields({ total: 'number' });
const asText = (data: { total: string }) => data;
export const numbers = defineEvent('x', { version: 2, schema: total, upcast: { 1: () => ({ total: 1 }) } });
// error TS2769: No overload matches this call.
export const wrongUp = defineEvent('x', { version: 2, schema: total, upcast: { 1: asText } });
// error TS2769: No overload matches this call.
export const wrongDown = defineEvent('x', { version: 2, schema: total, downcast: { 2: asText } });
