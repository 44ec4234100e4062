import { Inject } from '@nestjs/common';
import { EventBus } from './event-bus.js';

/** Resolved options of one bus. @internal */
export const EVENTS_OPTIONS = Symbol('EVENTS_OPTIONS');

/** What a bus is injected by. */
export type EventBusToken = typeof EventBus | string;

/**
 * The injection token of a bus.
 *
 * @param name As given to `forRoot({ name })`; without it, the class {@link EventBus} itself.
 */
export function getEventBusToken(name?: string): EventBusToken {
  return name === undefined ? EventBus : `EventBus:${name}`;
}

/**
 * Injects a bus by name.
 *
 * @example
 * constructor(@InjectEventBus('audit') private readonly audit: EventBus) {}
 */
export function InjectEventBus(name?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getEventBusToken(name));
}
