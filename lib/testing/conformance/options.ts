import type { ChildProcess } from 'node:child_process';
import type { BackendCapabilities, EventBackend } from '../../backends/backend.js';
import { EventConfigurationError } from '../../errors.js';
import type { SqlClient } from '../../sql-client.js';

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

/** What a backend is held to: the capabilities it declares (`shared` only when true), and three more. */
export interface ConformanceCapabilities extends BackendCapabilities {
  /** Has `cancel`. Default false. */
  readonly cancel?: boolean;
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

/** A backend on a client that belongs to the test. */
export interface BorrowingBackend {
  readonly backend: EventBackend;
  /** Resolves when the client still works; rejects otherwise. */
  readonly use: () => Promise<unknown>;
  /** Closes the client. */
  readonly dispose: () => Promise<unknown> | void;
}

/** A transaction that a test has opened where the backend keeps its events. */
export interface CallerTransaction {
  readonly client: SqlClient;
  readonly commit: () => Promise<unknown>;
  readonly rollback: () => Promise<unknown>;
}

/** Options of {@link describeBackend}. */
export interface ConformanceOptions {
  /** Stands above the cases. Default: `EventBackend`. */
  readonly name?: string;
  /** A case that cannot run fails instead of being skipped. Default false. */
  readonly strict?: boolean;
  /** Longest wait for anything to happen, in milliseconds. Raise it for slow brokers. Default 5000. */
  readonly timeoutMs?: number;
  /** How much later than asked a retry or a delay may come, in milliseconds. Default 1000. */
  readonly toleranceMs?: number;
  /** How many events the backends that the factory makes handle at once: enables the cases about it. */
  readonly concurrency?: number;
  /** The lease (ack wait, visibility) of the backends that the factory makes: enables the cases about leases. */
  readonly leaseMs?: number;
  /** Makes the broker unreachable, and returns how to bring it back: enables the cases about outages. */
  readonly outage?: (context: BackendFactoryContext) => Promise<() => Promise<void>>;
  /**
   * Cuts off the connections that are open, without telling either end; new ones work. Enables the case about
   * half-open connections.
   */
  readonly strand?: (context: BackendFactoryContext) => Promise<void>;
  /** Deletes everything that the backends of the case have in the broker: enables the case about it. */
  readonly erase?: (context: BackendFactoryContext) => Promise<void>;
  /** Puts a message that is not an event where the backend reads: enables the case about it. */
  readonly corrupt?: (context: BackendFactoryContext, text: string) => Promise<void>;
  /** Makes a backend on a client of the test's own: enables the case that it stays open. */
  readonly borrow?: (context: BackendFactoryContext) => Promise<BorrowingBackend>;
  /** Opens a transaction where the backend of the case keeps its events: enables the cases about emitting in one. */
  readonly transact?: (context: BackendFactoryContext) => Promise<CallerTransaction>;
  /**
   * Forks a program that calls `runConformanceProcess` with a factory like this one: enables the cases that kill and
   * stop processes.
   */
  readonly fork?: () => ChildProcess;
  /** Default: the global `describe` and `it`, as Jest and Vitest with `globals` have them. */
  readonly runner?: ConformanceRunner;
}

const CAPABILITIES = {
  durable: true,
  delay: true,
  ordering: true,
  broadcast: true,
  redelivery: true,
  shared: true,
  dedup: true,
  maxEventBytes: true,
  redeliveryHorizonMs: true,
  transactions: true,
  cancel: true,
  retains: true,
  concurrent: true,
} satisfies Record<keyof ConformanceCapabilities, true>;

/** Options that enable cases. */
const HOOKS = {
  concurrency: true,
  leaseMs: true,
  outage: true,
  strand: true,
  erase: true,
  corrupt: true,
  borrow: true,
  transact: true,
  fork: true,
} as const;

const SETTINGS = { name: true, strict: true, timeoutMs: true, toleranceMs: true, runner: true } as const;
const OPTIONS = { ...HOOKS, ...SETTINGS } satisfies Record<keyof ConformanceOptions, true>;

/** What a case may need to make sense. */
export type Requirement = keyof ConformanceCapabilities | keyof typeof HOOKS;

/** A case that does not run, and what it would need. */
export interface SkippedCase {
  readonly name: string;
  /** Such as `not declared: durable` or `no hook: outage`. */
  readonly reason: string;
}

/**
 * What of the needs is not there, in words; empty when a case can run.
 *
 * @param held With the defaults filled in.
 */
export function missing(
  needs: readonly Requirement[],
  held: ConformanceCapabilities,
  options: ConformanceOptions,
): string {
  const capabilities = needs.filter((need) => !isHook(need) && (held[need] ?? false) === false);
  const hooks = needs.filter((need) => isHook(need) && options[need] === undefined);
  return [
    ...(capabilities.length > 0 ? [`not declared: ${capabilities.join(', ')}`] : []),
    ...(hooks.length > 0 ? [`no hook: ${hooks.join(', ')}`] : []),
  ].join('; ');
}

/** @throws {EventConfigurationError} for a name that is misspelt: the cases it was to enable would not run. */
export function assertKnown(capabilities: ConformanceCapabilities, options: ConformanceOptions): void {
  for (const [kind, given, known] of [
    ['capability', capabilities, CAPABILITIES],
    ['option', options, OPTIONS],
  ] as const) {
    const unknown = Object.keys(given).find((name) => !Object.hasOwn(known, name));
    if (unknown === undefined) continue;
    throw new EventConfigurationError(
      `describeBackend() was given the ${kind} '${unknown}', which it does not know. It knows ${Object.keys(known).join(', ')}.`,
    );
  }
}

function isHook(need: Requirement): need is keyof typeof HOOKS {
  return Object.hasOwn(HOOKS, need);
}
