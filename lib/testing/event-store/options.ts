import type { EventStore } from '../../store/event-store.js';
import type { CallerTransaction, ConformanceRunner } from '../conformance/options.js';

/** What a factory is told about the case it makes a store for. */
export interface EventStoreFactoryContext {
  /** Another one for every case, the same for all stores of one case: part of the names of tables and keys. */
  readonly namespace: string;
}

/** Makes a store that is not opened yet. Called once or several times per case. */
export type EventStoreFactory = (context: EventStoreFactoryContext) => EventStore | Promise<EventStore>;

/** Options of {@link describeEventStore}. */
export interface EventStoreConformanceOptions {
  /** Stores of one namespace have the same events: enables the cases with several of them, and with restarts. */
  readonly shared?: boolean;
  /** Opens a transaction where the store of the case keeps its events: enables the cases about appending in one. */
  readonly transact?: (context: EventStoreFactoryContext) => Promise<CallerTransaction>;
  /** Longest wait for anything to happen, in milliseconds. Default 5000. */
  readonly timeoutMs?: number;
  /** Default: the global `describe` and `it`, as Jest and Vitest with `globals` have them. */
  readonly runner?: ConformanceRunner;
}

/** What a case may need to make sense. */
export type StoreRequirement = 'shared' | 'transact';

/** What of the needs is not there, in words; empty when a case can run. */
export function lacking(needs: readonly StoreRequirement[], options: EventStoreConformanceOptions): string {
  const absent = needs.filter((need) => !options[need]);
  return absent.length === 0 ? '' : `not given: ${absent.join(', ')}`;
}
