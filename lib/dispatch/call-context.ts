import type { Event } from '../event.js';
import type { EventBus } from '../event-bus.js';
import type { EventHandler, EventTransaction, HandlerContext, ReplayFacts } from '../handlers/handler.js';
import { EventTimeoutError } from '../errors.js';
import { after } from '../timer.js';

/** Whoever can interrupt a call. Its signal may be made only when it is read. */
export interface Interrupter {
  readonly signal?: AbortSignal;
}

/** Whoever has transactions for a call. */
export type TransactionSource = Pick<HandlerContext, 'transaction'>;

/** The facts of one call of a handler. Its signal is put together only when somebody asks for it. */
export class CallContext implements HandlerContext {
  #signal: AbortSignal | undefined;

  constructor(
    readonly handlerId: string,
    readonly bus: EventBus,
    private readonly interrupters: readonly Interrupter[],
    private readonly transactions: TransactionSource,
    readonly attempt = 1,
    readonly redelivered = false,
    readonly replay?: ReplayFacts,
  ) {}

  /** The same call, with another who can interrupt it, and perhaps another who has transactions for it. */
  static within(
    context: HandlerContext,
    interrupter: Interrupter,
    transactions: TransactionSource = context,
  ): CallContext {
    const { handlerId, bus, attempt, redelivered, replay } = context;
    const interrupters = [context, interrupter];
    return new CallContext(handlerId, bus, interrupters, transactions, attempt, redelivered, replay);
  }

  get signal(): AbortSignal {
    return (this.#signal ??= this.#join());
  }

  get transaction(): EventTransaction {
    return this.transactions.transaction;
  }

  #join(): AbortSignal {
    const signals = this.interrupters.flatMap(({ signal }) => signal ?? []);
    return signals.length === 1 ? signals[0]! : AbortSignal.any(signals);
  }
}

/**
 * Gives up on a handler after a time: its signal aborts and the try counts as failed. The handler itself cannot be
 * stopped; one that ignores the signal runs on unobserved.
 */
export function withTimeout(invoke: EventHandler, timeoutMs: number): EventHandler {
  return async (event, context) => {
    const controller = new AbortController();
    let cancel: (() => void) | undefined;
    const expired = new Promise<never>((_, reject) => {
      cancel = after(timeoutMs, () => {
        const error = timeoutError(event, context, timeoutMs);
        reject(error);
        controller.abort(error);
      });
    });
    try {
      return await Promise.race([invoke(event, CallContext.within(context, controller)), expired]);
    } finally {
      cancel?.();
    }
  };
}

function timeoutError(event: Event, { handlerId }: HandlerContext, timeoutMs: number): EventTimeoutError {
  return new EventTimeoutError(
    `Handler '${handlerId}' took longer than its timeoutMs of ${timeoutMs} for event '${event.type}' (${event.id}).`,
  );
}
