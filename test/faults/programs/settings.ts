/** What a service process is told, as JSON in its first argument. */
export interface ServiceSettings {
  /** File of its own that it appends to. */
  readonly ledger: string;
  /** Where its events are; without it, in its memory. */
  readonly redis?: {
    readonly url: string;
    readonly namespace: string;
    readonly leaseMs?: number;
    readonly maxDeliveries?: number;
    readonly publishTimeoutMs?: number;
  };
  /** Whether it has handlers. Without, it only emits. */
  readonly handles: boolean;
  /** Milliseconds that each handler waits before it is done. */
  readonly workMs?: number;
  readonly drainTimeoutMs?: number;
  readonly traffic?: Traffic;
}

/** What a service emits by itself. */
export interface Traffic {
  readonly perSecond: number;
  /**
   * When it ends: after as many orders, when the process is told to end, as where a load balancer sends no more, or
   * not before the bus refuses an order because it is closed.
   */
  readonly until: number | 'SIGTERM' | 'refused';
  /** To end as a crash does as soon as the last one is confirmed. */
  readonly thenCrash?: boolean;
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

/** Ids of the handlers. All of them listen to {@link ORDER_PLACED}. */
export const HANDLERS = ['invoice', 'stock', 'audit'] as const;
export const ORDER_PLACED = 'order.placed';
export const GROUP = 'orders';

/**
 * What a line of a ledger says of an event: a handler handled it, holds it or gave it up, or its publish was
 * confirmed. Of an unconfirmed one only the number of the order is known.
 */
export type LedgerNote = (typeof HANDLERS)[number] | 'holding' | 'given-up' | 'confirmed' | 'unconfirmed';

/** Every hundredth order of the traffic is one that `audit` refuses. */
export function orderNumber(n: number): OrderPlaced {
  return n % 100 === 50 ? { n, fault: 'refused' } : { n };
}

/** How many of the first orders of the traffic `audit` refuses. */
export function refusedAmong(orders: number): number {
  return Math.ceil(Math.max(0, orders - 50) / 100);
}
