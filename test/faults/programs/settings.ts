import type { TransportName } from './transport-at.js';

/** Backends that the fault tests know. */
export type BackendKind =
  | 'redis-streams'
  | 'bullmq'
  | 'nats-jetstream'
  | 'rabbitmq'
  | 'kafka'
  | 'postgres'
  | 'sqlite'
  | 'sqs'
  | 'nats'
  | 'redis-pubsub'
  | `microservices-${TransportName}`;

/** What a service process is told, as JSON in its first argument. */
export interface ServiceSettings {
  /** Names it in the ledger. */
  readonly name: string;
  /** Where the ledger listens. */
  readonly ledger: string;
  /** Where its events are; without it, in its memory. */
  readonly backend?: BackendSettings;
  /** Keeps dead letters beside the backend instead of in it. */
  readonly deadLetters?: { readonly url: string; readonly namespace: string };
  readonly inbox?: InboxSettings;
  /** Whether it has handlers. Without, it only emits. */
  readonly handles: boolean;
  /** Milliseconds that each handler waits before it is done. */
  readonly workMs?: number;
  readonly drainTimeoutMs?: number;
  /** A mistake: its backend is told that an event is handled before it is. */
  readonly acknowledgesEarly?: boolean;
  readonly traffic?: Traffic;
}

export interface BackendSettings {
  readonly kind: BackendKind;
  /** Of the server, or the path of the file. */
  readonly url: string;
  readonly namespace: string;
  readonly leaseMs?: number;
  readonly maxDeliveries?: number;
  readonly publishTimeoutMs?: number;
}

/**
 * Which inbox it has. With `postgres`, the effect of a handler is a row that is written in the transaction of the
 * inbox; with `redis`, it is its line in the ledger.
 */
export interface InboxSettings {
  readonly kind: 'redis' | 'postgres';
  readonly url: string;
  readonly namespace: string;
  readonly leaseMs: number;
}

/** The table of effects in PostgreSQL. Nothing in it keeps a handler from having its effect twice. */
export const EFFECTS = 'create table effects (event_id text not null, handler_id text not null)';
export const ADD_EFFECT = 'insert into effects (event_id, handler_id) values ($1, $2)';

/** What a service emits by itself. */
export interface Traffic {
  readonly perSecond: number;
  /**
   * When it ends: after as many orders, when the process is told that it is enough, when it is told to end, as where
   * a load balancer sends no more, or not before the bus refuses an order because it is closed.
   */
  readonly until: number | 'told' | 'SIGTERM' | 'refused';
  /** To end as a crash does as soon as the last one is confirmed. */
  readonly thenCrash?: boolean;
  /** Whether each order has a key; those of a key are placed one after the other. */
  readonly keyed?: boolean;
}

/** Data of the events. */
export interface OrderPlaced {
  readonly n: number;
  readonly fault?: OrderFault;
}

/**
 * What is wrong with an order:
 * - `refused`: the handler `audit` never takes it.
 * - `crash`: the handler `invoice` kills its process whenever it has written to the ledger.
 * - `crash-once`: the same, at its first delivery only.
 * - `hold`: the handler `invoice` waits until its process is told to release it.
 */
export type OrderFault = 'refused' | 'crash' | 'crash-once' | 'hold';

/**
 * Where a process can be told to crash, when it comes there next:
 * - `after-effect`: a handler has had its effect and has not returned. In a transaction, before it is committed.
 * - `before-ack`: all handlers of an event are done, and the backend does not know it yet.
 * - `dead-letter-stored`: a dead letter is stored, and its event is not acknowledged.
 */
export type FaultPoint = 'after-effect' | 'before-ack' | 'dead-letter-stored';

/** What a service process is told while it runs. */
export type Command = 'release' | 'stats' | 'health' | 'enough' | { readonly crashAt: FaultPoint };

/** Ids of the handlers. All of them listen to {@link ORDER_PLACED}. */
export const HANDLERS = ['invoice', 'stock', 'audit'] as const;
export type HandlerId = (typeof HANDLERS)[number];
export const ORDER_PLACED = 'order.placed';
export const GROUP = 'orders';

/**
 * What a line of the ledger says of an event: a handler handled it, began it, holds it or gave it up, or its publish
 * was confirmed. Of an unconfirmed one only the number of the order is known. Without an event: the process that
 * wrote before is `gone`, or the test did something (`fault`).
 */
export type LedgerNote =
  HandlerId | 'begun' | 'holding' | 'given-up' | 'confirmed' | 'unconfirmed' | 'gone' | 'fault';

/** Of so many orders of the traffic, `audit` refuses one. Odd, so that consumers who take turns all get some of those. */
const REFUSED_OF = 101;
const FIRST_REFUSED = 50;

/** An order of the traffic. */
export function orderNumber(n: number): OrderPlaced {
  return isRefused(n) ? { n, fault: 'refused' } : { n };
}

/** Whether `audit` refuses this order of the traffic. */
export function isRefused(n: number): boolean {
  return n % REFUSED_OF === FIRST_REFUSED;
}

/** How many of the first orders of the traffic `audit` refuses. */
export function refusedAmong(orders: number): number {
  return Math.ceil(Math.max(0, orders - FIRST_REFUSED) / REFUSED_OF);
}
