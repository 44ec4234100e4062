import { EventBus } from '../event-bus.js';
import { isPattern } from '../handlers/pattern.js';
import type { EventDefinition } from '../schema/define-event.js';
import { type AnyEventDefinition, SchemaRegistry } from '../schema/schema-registry.js';

/** Where events and handlers are known from. */
export type AsyncApiSource = EventBus | SchemaRegistry | readonly AnyEventDefinition[];

/** An event type and who deals with it. */
export interface DescribedEvent {
  readonly type: string;
  /** The version that is on the wire. */
  readonly version: number;
  /** `undefined` where nobody defined it, or its version on the wire is not known. */
  readonly definition: EventDefinition | undefined;
  /** Ids of the handlers in this process. */
  readonly handlers: readonly string[];
  /** Whether any version of it is defined. */
  readonly isDefined: boolean;
}

/** Every type once: those that are defined, and those that a handler names. */
export function describedEvents(source: AsyncApiSource): DescribedEvent[] {
  if (!(source instanceof EventBus)) {
    const registry = source instanceof SchemaRegistry ? source : new SchemaRegistry().register(...source);
    return registry.types().map((type) => describe(type, registry, registry.get(type), []));
  }
  const { options, registry: handlers } = source.parts;
  const { registry } = options.schemas;
  const named = handlers.patterns().filter((pattern) => !isPattern(pattern));
  const types = new Set([
    ...registry.types(),
    ...named.map((name) => handlers.plan(name).definition?.name ?? name),
  ]);
  return [...types].map((type) => {
    const { all, definition } = handlers.plan(type);
    const ids = all.handlers.map(({ id }) => id);
    return describe(type, registry, definition, ids);
  });
}

function describe(
  type: string,
  registry: SchemaRegistry,
  newest: EventDefinition | undefined,
  handlers: readonly string[],
): DescribedEvent {
  const version = newest?.publishVersion ?? 1;
  const definition = newest?.version === version ? newest : registry.get(type, version);
  return { type, version, definition, handlers, isDefined: newest !== undefined };
}
