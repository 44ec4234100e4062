import type { BackendCapabilities, EventBackend } from '../../backends/backend.js';

/** What a factory is told about the case it makes a backend for. */
export interface BackendFactoryContext {
  /**
   * Another one for every case, the same for all backends of one case: part of the names of streams, queues, tables
   * and keys, so that cases do not meet.
   */
  readonly namespace: string;
  /** The service: backends of one group share the work, different groups each get every event. */
  readonly group: string;
}

/** Makes a backend. Called once or several times per case. */
export type BackendFactory = (context: BackendFactoryContext) => EventBackend | Promise<EventBackend>;

/** What a backend is held to: the capabilities it declares (`shared` only when true), and two more. */
export interface ConformanceCapabilities extends BackendCapabilities {
  /** Delivers what was published while nobody was subscribed. Default true. */
  readonly retains?: boolean;
  /** Handles several events at the same time. Default true. */
  readonly concurrent?: boolean;
}

/** The kit works with any test runner that has these. */
export interface ConformanceRunner {
  readonly describe: (name: string, define: () => void) => unknown;
  readonly it: {
    (name: string, test: () => Promise<void>, timeoutMs?: number): unknown;
    readonly skip: (name: string, test: () => Promise<void>) => unknown;
  };
}

/** Options of {@link describeBackend}. */
export interface ConformanceOptions {
  /** Stands above the cases. Default: `EventBackend`. */
  readonly name?: string;
  /** Longest wait for anything to happen, in milliseconds. Raise it for slow brokers. Default 5000. */
  readonly timeoutMs?: number;
  /** How much later than asked a retry or a delay may come, in milliseconds. Default 1000. */
  readonly toleranceMs?: number;
  /** How many events the backends that the factory makes handle at once: enables the case about it. */
  readonly concurrency?: number;
  /** The lease (ack wait, visibility) of the backends that the factory makes: enables the cases about leases. */
  readonly leaseMs?: number;
  /** Makes the broker unreachable, and returns how to bring it back: enables the cases about outages. */
  readonly outage?: (context: BackendFactoryContext) => Promise<() => Promise<void>>;
  /** Puts a message that is not an event where the backend reads: enables the case about it. */
  readonly corrupt?: (context: BackendFactoryContext, text: string) => Promise<void>;
  /** Default: the global `describe` and `it`, as Jest and Vitest with `globals` have them. */
  readonly runner?: ConformanceRunner;
}

/** Options that enable cases. */
export const HOOKS = ['concurrency', 'leaseMs', 'outage', 'corrupt'] as const;
export type Hook = (typeof HOOKS)[number];

/** What a case may need to make sense. */
export type Requirement = keyof ConformanceCapabilities | Hook;
