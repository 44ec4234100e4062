import type { Event, EventBus, EventOf } from 'nestjs-durable-events';
import { AfterSignup, type CatalogueEvents, UserUpdated } from 'nestjs-durable-events/catalogue';

const name: 'after:signup' = AfterSignup.name;
const updated: CatalogueEvents['user.updated'] = { userId: 'u1', changed: [name] };

export async function right(bus: EventBus): Promise<void> {
  await bus.emitAsync(AfterSignup, { userId: 'u1', email: 'ada@example.org' });
  bus.on(UserUpdated, ({ data }) => data.changed.length);
}

export function list({ data }: EventOf<typeof UserUpdated>): Event['id'] {
  return data.userId + updated.changed.join('');
}

export async function wrong(bus: EventBus): Promise<void> {
  // error TS2322: Type 'number' is not assignable to type 'string'.
  await bus.emitAsync(AfterSignup, { userId: 1 });
  // error TS2353: 'password' does not exist in type
  await bus.emitAsync(AfterSignup, { userId: 'u1', password: 'secret' });
}
