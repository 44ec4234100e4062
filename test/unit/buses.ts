import { Logger } from '@nestjs/common';
import {
  createEventBus,
  type EventBackend,
  type EventBus,
  type EventsModuleOptions,
} from 'nestjs-durable-events';

// Handlers fail on purpose in these tests: what would be logged is checked where it matters.
Logger.overrideLogger(false);

const open: EventBus[] = [];

/** A bus that consumes. */
export async function startBus(options?: EventBackend | EventsModuleOptions): Promise<EventBus> {
  const bus = createEventBus(options);
  open.push(bus);
  await bus.start();
  return bus;
}

/** Closes what {@link startBus} opened; for `afterEach`. */
export async function closeBuses(): Promise<void> {
  await Promise.all(open.splice(0).map((bus) => bus.close()));
  // Jest fails a test whose rejections nobody handles, if they come to light before its hooks end.
  await new Promise((resolve) => setImmediate(resolve));
}
