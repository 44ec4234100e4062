import { defineEvent, type EventDefinition } from '../schema/define-event.js';

/** Gives an event of the catalogue its name as a type, beside the type of its data. */
export function event<T>(): <const N extends string>(name: N) => EventDefinition<N, T> {
  return (name) => defineEvent<T>(name) as EventDefinition<typeof name, T>;
}
