import { isThenable } from '../emit/inline.js';
import { CircuitBreakerError } from '../errors.js';
import type { EventErrorNotice } from '../error-stream.js';
import { type DeliveryHandler, SKIPPED } from '../handlers/handler.js';
import type { Interrupter } from './call-context.js';
import type { CircuitBreaker } from './circuit-breaker.js';
import type { ResolvedCircuitBreaker } from './circuit-breaker-options.js';
import { Deferral } from './deferral.js';
import { isPermanent } from './failure.js';

/** What circuit breakers need of their bus. */
export interface CircuitHost {
  /** Aborts when shutdown ran out of time: what fails then is not the handler's fault. */
  readonly lifetime: Interrupter;
  notify(notice: EventErrorNotice): void;
}

/**
 * Lets deliveries through to a handler while its circuit is closed. The others are deferred: they wait with the
 * backend, hold no worker and count as no try.
 */
export function withCircuitBreaker(
  deliver: DeliveryHandler,
  handlerId: string,
  circuit: CircuitBreaker,
  host: CircuitHost,
): DeliveryHandler {
  const succeeded = (epoch: number, result: unknown) => {
    if (result === SKIPPED) circuit.abstained(epoch);
    else if (circuit.succeeded(epoch)) host.notify(closed(handlerId));
  };
  const failed = (epoch: number, thrown: unknown, signal: AbortSignal | undefined) => {
    const interrupted = host.lifetime.signal?.aborted || signal?.aborted;
    if (interrupted || thrown instanceof Deferral || isPermanent(thrown)) circuit.abstained(epoch);
    else if (circuit.failed(epoch)) host.notify(opened(handlerId, circuit.options, thrown));
  };
  return (event, context, delivery) => {
    const waitMs = circuit.admit();
    if (waitMs > 0) throw new Deferral(Math.ceil(waitMs), `The circuit of handler '${handlerId}' is open.`);
    const { epoch } = circuit;
    let result: unknown;
    try {
      result = deliver(event, context, delivery);
    } catch (thrown) {
      failed(epoch, thrown, delivery.signal);
      throw thrown;
    }
    if (!isThenable(result)) {
      succeeded(epoch, result);
      return result;
    }
    return result.then(
      (value) => {
        succeeded(epoch, value);
        return value;
      },
      (thrown: unknown) => {
        failed(epoch, thrown, delivery.signal);
        throw thrown;
      },
    );
  };
}

function opened(
  handlerId: string,
  { failureRate, windowMs, openMs }: ResolvedCircuitBreaker,
  cause: unknown,
): EventErrorNotice {
  const error = new CircuitBreakerError(
    'open',
    `The circuit of handler '${handlerId}' opened: at least ${Math.round(failureRate * 100)} % of its calls in the last ${windowMs} ms failed. Its events wait; the next call is tried in ${openMs} ms.`,
    { cause },
  );
  return { error, handlerId, action: 'reported', at: new Date() };
}

function closed(handlerId: string): EventErrorNotice {
  const error = new CircuitBreakerError(
    'closed',
    `The circuit of handler '${handlerId}' closed: its events are handled again.`,
  );
  return { error, handlerId, action: 'reported', at: new Date() };
}
