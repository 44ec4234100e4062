import { toError } from '../dispatch/failure.js';
import { EventConfigurationError } from '../errors.js';
import { Aggregate, type AggregateClass } from '../store/sourcing/aggregate.js';
import type { AnyAggregateDefinition, NewEventsOf, StateOf } from '../store/sourcing/aggregate-definition.js';
import type { Decision } from '../store/sourcing/aggregate-repository.js';
import { eventFrom, type NewEvent } from '../store/sourcing/new-event.js';
import { type ErrorClass, expectOutcome } from './outcome.js';

/**
 * Begins the test of an aggregate: no store, no clock, and whatever test runner there is.
 *
 * @param aggregate A definition, or a class that has one.
 * @param events What has happened before, the oldest first. Default: nothing.
 * @throws {EventValidationError} when one of them does not fit its schema.
 *
 * @example
 * await given(orders, [{ type: 'order.placed', data: { cents: 100 } }])
 *   .when(({ state }) => pay(state, 100))
 *   .then([{ type: 'order.paid', data: { cents: 100 } }]);
 * await given(Order).when((order) => order.pay(100)).then(OrderClosed);
 */
export function given<D extends AnyAggregateDefinition, A extends Aggregate<D> = Aggregate<D>>(
  aggregate: D | AggregateClass<D, A>,
  events: readonly NewEventsOf<D>[] = [],
): GivenAggregate<D, A> {
  const isClass = typeof aggregate === 'function';
  const made = isClass ? new aggregate('given') : (new Aggregate('given', aggregate) as A);
  for (const event of events) made.apply(event);
  made.committed(events.length);
  return new GivenAggregate(isClass ? aggregate.definition : aggregate, made, events);
}

/** An aggregate that something has happened to. Made by {@link given}. */
export class GivenAggregate<D extends AnyAggregateDefinition, A extends Aggregate<D> = Aggregate<D>> {
  /** @internal */
  constructor(
    private readonly definition: D,
    private readonly aggregate: A,
    private readonly events: readonly NewEvent[],
  ) {}

  /** What the events made of it. */
  get state(): StateOf<D> {
    return this.aggregate.state;
  }

  /** @param decide A command, as `repository.handle` takes it. */
  when(decide: (aggregate: A) => Decision<D> | Promise<Decision<D>>): DecidedAggregate<D> {
    return new DecidedAggregate(this.definition, this.events, async () => {
      const decided: unknown = (await decide(this.aggregate)) ?? [];
      for (const event of Array.isArray(decided) ? decided : [decided]) {
        this.aggregate.apply(event as NewEventsOf<D>);
      }
      return this.aggregate.uncommitted;
    });
  }
}

/** An aggregate with a command. Made by {@link GivenAggregate.when}. */
export class DecidedAggregate<D extends AnyAggregateDefinition> {
  /** @internal */
  constructor(
    private readonly definition: D,
    private readonly given: readonly NewEvent[],
    private readonly decide: () => Promise<readonly NewEvent[]>,
  ) {}

  /**
   * Decides, and checks what comes of it.
   *
   * @param expected The events, compared by type and by data as it would be stored, `[]` for none; or the class of the
   *   error, or one of the same class and message.
   * @returns To be awaited.
   * @throws AssertionError of Node.js (rejects with it) that shows what was expected and what came.
   */
  // oxlint-disable-next-line unicorn/no-thenable -- it completes the sentence; to await it without it does not compile
  async then(
    expected: readonly NewEventsOf<D>[] | ErrorClass | Error,
    ...awaited: readonly never[]
  ): Promise<void> {
    const [reject] = awaited as readonly unknown[];
    if (typeof reject === 'function') {
      const error = new EventConfigurationError(
        'given().when() was awaited: nothing was decided and nothing checked. Add .then(…) with what is expected.',
      );
      (reject as (error: Error) => void)(error);
      return;
    }
    const outcome = await this.decide().catch(toError);
    expectOutcome(this.given, outcome, Array.isArray(expected) ? this.#read(expected) : expected);
  }

  /** Events as their schemas read them, so that they compare with what was decided. */
  #read(events: readonly NewEvent[]): readonly NewEvent[] {
    return events.map((event) => eventFrom(event, 'given', this.definition.events.get(event.type)));
  }
}
