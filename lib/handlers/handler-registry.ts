import { EventConfigurationError } from '../errors.js';
import type { EventDefinition } from '../schema/define-event.js';
import type { HandlerEntry } from './handler.js';
import { assertEventName, compilePattern, isPattern } from './pattern.js';

/** Names are mostly few, but an application may make them up as it goes: the cache of plans is bounded. */
const MAX_CACHED_PLANS = 10_000;

/** Handlers to run one after the other. */
export interface HandlerGroup {
  /** In the order to run: priority, then order of registration. */
  readonly handlers: readonly HandlerEntry[];
  /** One of them may go on after it has returned. */
  readonly suspends: boolean;
}

/** A group, and its halves for backends that deliver to services and to processes apart. */
export interface SplitGroup extends HandlerGroup {
  /** Runs once per service. */
  readonly group: HandlerGroup;
  /** Runs in every process. */
  readonly broadcast: HandlerGroup;
}

/** Everything there is to know about the handlers of one event name, worked out once. */
export interface DispatchPlan {
  readonly all: SplitGroup;
  /** Those that `emit` runs inline. */
  readonly inline: HandlerGroup;
  /** Those that `emit` leaves to the backend. */
  readonly deferred: SplitGroup;
  /** The event's definition, where one is known. */
  readonly definition: EventDefinition | undefined;
}

interface PatternGroup {
  readonly matches: (name: string) => boolean;
  readonly entries: HandlerEntry[];
}

/** Finds the handlers of an event. */
export class HandlerRegistry {
  readonly #exact = new Map<string, HandlerEntry[]>();
  readonly #patterns = new Map<string, PatternGroup>();
  readonly #definitions = new Map<string, EventDefinition>();
  readonly #plans = new Map<string, DispatchPlan>();

  constructor(private readonly maxHandlersPerEvent: number) {}

  /** @throws {EventConfigurationError} when another handler has the id, or the event has too many handlers. */
  add(entry: HandlerEntry): void {
    this.#assertOwnId(entry);
    const entries = this.#entriesOf(entry.pattern);
    if (entries.length >= this.maxHandlersPerEvent) throw this.#tooMany(entry.pattern);
    entries.push(entry);
    this.#plans.clear();
  }

  remove(entry: HandlerEntry): void {
    const entries = this.#entriesOf(entry.pattern);
    const index = entries.indexOf(entry);
    if (index >= 0) entries.splice(index, 1);
    if (entries.length === 0) {
      this.#exact.delete(entry.pattern);
      this.#patterns.delete(entry.pattern);
    }
    this.#plans.clear();
  }

  /** @throws {EventConfigurationError} when another definition has the same name or alias. */
  define(definition: EventDefinition): void {
    for (const name of [definition.name, ...definition.aliases]) {
      const known = this.#definitions.get(name);
      if (known !== undefined && known !== definition) {
        throw new EventConfigurationError(
          `Event '${name}' is defined twice (version ${known.version} of '${known.name}' and version ${definition.version} of '${definition.name}'). Define it once and import it everywhere.`,
        );
      }
      this.#definitions.set(name, definition);
    }
    this.#plans.clear();
  }

  /** @throws {EventConfigurationError} when the name is not one, or has more handlers than allowed. */
  plan(name: string): DispatchPlan {
    return this.#plans.get(name) ?? this.#makePlan(name);
  }

  /** Every registered handler, in no particular order. */
  *entries(): Iterable<HandlerEntry> {
    for (const entries of this.#exact.values()) yield* entries;
    for (const { entries } of this.#patterns.values()) yield* entries;
  }

  /** Whether any handler is to run in every process. */
  hasBroadcasts(): boolean {
    for (const { broadcast } of this.entries()) if (broadcast) return true;
    return false;
  }

  /** Ids of the handlers whose circuit is not closed. */
  openCircuits(): string[] {
    const open = [...this.entries()].filter(
      ({ circuit }) => circuit !== undefined && circuit.state !== 'closed',
    );
    return [...new Set(open.map(({ id }) => id))];
  }

  /** The names and patterns that have handlers, and every name that a definition gives to an event that has. */
  patterns(): string[] {
    const defined = [...this.#definitions.keys()].filter((name) => this.plan(name).all.handlers.length > 0);
    return [...new Set([...this.#exact.keys(), ...this.#patterns.keys(), ...defined])];
  }

  /** Whether a plan for the name has handlers; true for names that cannot have one, which the dispatcher refuses. */
  handles(name: string): boolean {
    try {
      return this.plan(name).all.handlers.length > 0;
    } catch {
      return true;
    }
  }

  #entriesOf(pattern: string): HandlerEntry[] {
    if (isPattern(pattern)) {
      let group = this.#patterns.get(pattern);
      if (group === undefined) {
        group = { matches: compilePattern(pattern), entries: [] };
        this.#patterns.set(pattern, group);
      }
      return group.entries;
    }
    assertEventName(pattern);
    let entries = this.#exact.get(pattern);
    if (entries === undefined) this.#exact.set(pattern, (entries = []));
    return entries;
  }

  #makePlan(name: string): DispatchPlan {
    assertEventName(name);
    const definition = this.#definitions.get(name);
    // An event under a former name goes to the handlers of the present one, and of patterns that match either.
    const names = definition && definition.name !== name ? [name, definition.name] : [name];
    const found = names.flatMap((each) => this.#exact.get(each) ?? []);
    for (const { matches, entries } of this.#patterns.values()) {
      if (names.some(matches)) found.push(...entries);
    }
    const all = firstOfEachId(found.sort(byPriority));
    if (all.length > this.maxHandlersPerEvent) throw this.#tooMany(name);
    const plan: DispatchPlan = {
      all: splitGroup(all),
      inline: groupOf(all.filter((entry) => !entry.async)),
      deferred: splitGroup(all.filter((entry) => entry.async)),
      definition,
    };
    if (this.#plans.size >= MAX_CACHED_PLANS) this.#plans.clear();
    this.#plans.set(name, plan);
    return plan;
  }

  #assertOwnId({ id, owner, label }: HandlerEntry): void {
    for (const other of this.entries()) {
      if (other.id !== id || other.owner === owner) continue;
      throw new EventConfigurationError(
        `Handlers ${other.label} and ${label} both have the id '${id}'. Retries and dead letters are addressed by it: give one of them another 'id'.`,
      );
    }
  }

  #tooMany(name: string): EventConfigurationError {
    return new EventConfigurationError(
      `Event '${name}' has more than ${this.maxHandlersPerEvent} handlers, which is most often a leak of on() without off(). If it is meant, raise 'maxHandlersPerEvent'.`,
    );
  }
}

function splitGroup(handlers: readonly HandlerEntry[]): SplitGroup {
  return {
    ...groupOf(handlers),
    group: groupOf(handlers.filter(({ broadcast }) => !broadcast)),
    broadcast: groupOf(handlers.filter(({ broadcast }) => broadcast)),
  };
}

export function groupOf(handlers: readonly HandlerEntry[]): HandlerGroup {
  return { handlers, suspends: handlers.some(({ suspends }) => suspends) };
}

function byPriority(a: HandlerEntry, b: HandlerEntry): number {
  return b.priority - a.priority || a.order - b.order;
}

/** A handler that listens to `order.placed` and to `order.*` still runs once. */
function firstOfEachId(entries: readonly HandlerEntry[]): HandlerEntry[] {
  const seen = new Set<string>();
  return entries.filter(({ id }) => !seen.has(id) && seen.add(id));
}
