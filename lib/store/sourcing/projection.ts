import { refusedOption } from '../../clients/options.js';
import { assertEventName } from '../../handlers/pattern.js';
import type { StoredEvent } from '../stored-event.js';
import type { SubscriptionContext } from '../subscription-options.js';
import type { DataNamed, KnownName } from './event-names.js';

/** What the `reset` of a projection is told. */
export type ProjectionResetContext = Omit<SubscriptionContext, 'live'>;

/**
 * Makes a read model of events: handles them one at a time, in the order of the store. A plain object, or a provider of
 * a Nest module; see {@link ProjectionRunner} and `ProjectionsModule`.
 *
 * @example
 * @Injectable()
 * export class OrderList implements Projection {
 *   readonly name = 'order-list';
 *   readonly types = 'order.*';
 *   readonly transaction = true;
 *
 *   async reset({ client }: ProjectionResetContext) {
 *     await client!.query('create table if not exists order_list (id text primary key, status text not null)');
 *     await client!.query('delete from order_list');
 *   }
 *
 *   async handle(event: StoredEvent, { client }: SubscriptionContext) { … }
 * }
 */
export interface Projection {
  /** Names its checkpoint, `projection:<name>`: unique, and the same from one release to the next. */
  readonly name: string;
  /** Names or patterns of the events it is made of. Default: all. */
  readonly types?: string | readonly string[] | undefined;
  /**
   * Handles events in a transaction of the store's database, `context.client`, in which the checkpoint is saved, too:
   * each event has one effect, whatever crashes. Default `false`: after a crash, events since the last checkpoint come
   * again.
   */
  readonly transaction?: boolean | undefined;
  /** Events read at a time, and handled in one transaction. Default 100. */
  readonly batchSize?: number | undefined;
  /** Brings the read model up to date with one event. An event that fails is tried again; those behind it wait. */
  handle(event: StoredEvent, context: SubscriptionContext): unknown;
  /**
   * Makes the read model empty, whatever was there: nothing, that of an earlier release, or half a model. Called before
   * the first event, and for each rebuild. May be called several times.
   */
  reset(context: ProjectionResetContext): unknown;
}

/** For each event by its name, what it does to a read model. */
export type ProjectionHandlers<K extends string> = {
  readonly [N in K]: N extends KnownName<never>
    ? (event: StoredEvent<DataNamed<N, never>, N>, context: SubscriptionContext) => unknown
    : `No event is named '${N}'.`;
};

/** Options of {@link defineProjection}. */
export interface DefineProjectionOptions<K extends string> extends Omit<Projection, 'types' | 'handle'> {
  readonly handle: ProjectionHandlers<K>;
}

/**
 * Defines a projection with a function for each event, whose names are its `types`.
 *
 * @throws {EventConfigurationError} naming the option that cannot be used.
 *
 * @example
 * const revenue = defineProjection({
 *   name: 'revenue',
 *   reset: () => void (cents = 0),
 *   handle: { 'order.paid': ({ data }) => void (cents += data.cents) },
 * });
 */
export function defineProjection<K extends string>(options: DefineProjectionOptions<K>): Projection {
  const { handle, ...others } = options;
  const handlers = new Map(Object.entries(handle as Record<string, Projection['handle']>));
  for (const [type, handler] of handlers) {
    assertEventName(type);
    if (typeof handler !== 'function') {
      throw refusedOption(`handle['${type}']`, handler, `projection '${options.name}'`, 'a function');
    }
  }
  return checkProjection({
    ...others,
    types: [...handlers.keys()],
    handle: (event, context) => handlers.get(event.type)?.(event, context),
  });
}

/** @throws {EventConfigurationError} naming what a projection lacks. @internal */
export function checkProjection(projection: Projection): Projection {
  const { name } = projection;
  const user = `projection '${name}'`;
  if (typeof name !== 'string' || name === '') {
    throw refusedOption('name', name, 'a projection', 'a non-empty string');
  }
  for (const method of ['handle', 'reset'] as const) {
    if (typeof projection[method] === 'function') continue;
    const does = method === 'handle' ? 'brings it up to date with one event' : 'makes the read model empty';
    throw refusedOption(method, projection[method], user, `a function that ${does}`);
  }
  return projection;
}
