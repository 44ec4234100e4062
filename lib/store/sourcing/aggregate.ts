import { EventConfigurationError } from '../../errors.js';
import type { Event } from '../../event.js';
import type { AnyAggregateDefinition, NewEventsOf, StateOf } from './aggregate-definition.js';
import { eventFrom, type NewEvent } from './new-event.js';

/** A class of aggregates, whose static `definition` says what they are. */
export interface AggregateClass<D extends AnyAggregateDefinition, A extends Aggregate<D> = Aggregate<D>> {
  new (id: string): A;
  readonly definition: D;
}

/**
 * One aggregate: its state, and what happened to it and is not saved yet. For aggregates as classes, whose methods are
 * the commands; those that are plain functions get one from `repository.load`.
 *
 * @example
 * export class Order extends Aggregate<typeof orders> {
 *   static readonly definition = orders;
 *
 *   pay(cents: number): void {
 *     if (this.state.status !== 'placed') throw new OrderClosed(this.id);
 *     this.apply({ type: 'order.paid', data: { cents } });
 *   }
 * }
 */
export class Aggregate<D extends AnyAggregateDefinition = AnyAggregateDefinition> {
  readonly #definition: D;
  #state: StateOf<D>;
  #version = 0;
  #uncommitted: Event[] = [];

  /**
   * @param id Identifies it among its kind.
   * @throws {EventConfigurationError} when the id is empty, or the class has no `definition`.
   */
  constructor(
    readonly id: string,
    definition?: D,
  ) {
    this.#definition = definition ?? (definitionOf(new.target) as D);
    if (typeof id !== 'string' || id === '') {
      throw new EventConfigurationError(
        `An aggregate '${this.#definition.name}' was asked for with the id ${JSON.stringify(id)}; it must be a non-empty string.`,
      );
    }
    this.#state = this.#definition.initial() as StateOf<D>;
  }

  /** What its events have made of it, those that are not saved yet included. */
  get state(): StateOf<D> {
    return this.#state;
  }

  /** The number of its events in the store; 0 for one that is new. */
  get version(): number {
    return this.#version;
  }

  /** What happened since it was loaded or saved. */
  get uncommitted(): readonly Event[] {
    return this.#uncommitted;
  }

  /** The stream of its events: `<name>-<id>`. */
  get streamId(): string {
    return `${this.#definition.name}-${this.id}`;
  }

  /**
   * Lets something happen to it: changes the state, and keeps the event until it is saved. An event that a handler
   * applies is caused by the event that is being handled.
   *
   * @throws {EventValidationError} when the data does not fit the event's schema; then nothing has happened.
   */
  apply(event: NewEventsOf<D>): void {
    const { events, evolve } = this.#definition;
    const applied = eventFrom(event, this.streamId, events.get((event as NewEvent).type));
    this.#state = evolve(this.#state, applied) as StateOf<D>;
    this.#uncommitted.push(applied);
  }

  /** @internal Begins with a state that has so many events in it. */
  restore(state: StateOf<D>, version: number): void {
    this.#state = state;
    this.#version = version;
  }

  /** @internal An event of its stream. */
  replay(event: Event, version: number): void {
    this.#state = this.#definition.evolve(this.#state, event) as StateOf<D>;
    this.#version = version;
  }

  /** @internal Its events up to this version are in the store. */
  committed(version: number): void {
    this.#uncommitted = this.#uncommitted.slice(version - this.#version);
    this.#version = version;
  }
}

function definitionOf(aggregateClass: {
  readonly name: string;
  readonly definition?: AnyAggregateDefinition;
}): AnyAggregateDefinition {
  const { definition, name } = aggregateClass;
  if (definition !== undefined) return definition;
  throw new EventConfigurationError(
    `The class ${name} has no definition. Add: static readonly definition = defineAggregate({ … });`,
  );
}
