import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import type { Event } from '../event.js';

/*
 * The event being handled, so that what its handlers emit knows its cause. A handler that may go on after it has
 * returned is followed by AsyncLocalStorage. One that is over when it returns needs no more than a variable, which
 * matters: entering the storage costs more than the rest of an emit (25 to 250 ns, and on Node 20 something for
 * every promise of the process from then on).
 *
 * The context follows the flow of one call and holds nothing else, hence one for all buses: an event of one bus may
 * well cause one of another.
 */
const followed = new AsyncLocalStorage<Event>();
let current: Event | undefined;

/** The event whose handler is running, if any. */
export function causeOf(): Event | undefined {
  return current ?? followed.getStore();
}

/**
 * Runs handlers as consequences of an event.
 *
 * @param mayGoOn Whether one of them may go on after it has returned.
 */
export function causedBy<A, B, R>(
  event: Event,
  mayGoOn: boolean,
  run: (event: Event, a: A, b: B) => R,
  a: A,
  b: B,
): R {
  const outer = current;
  try {
    if (mayGoOn) {
      current = undefined; // the storage has the say now
      return followed.run(event, run, event, a, b);
    }
    current = event;
    return run(event, a, b);
  } finally {
    current = outer;
  }
}

/** How a delivery is called by whoever watches async resources. */
const DELIVERY = 'nestjs-durable-events:Delivery';
const UNTRACKED = { requireManualDestroy: true };

/**
 * As {@link causedBy} for handlers that may go on, in an async context of their own: what one enters into an
 * AsyncLocalStorage of its own, say a tenant, is not there for the next delivery of the same worker.
 *
 * @param cause The event, or `undefined` where causes are not followed.
 */
export function runApart<A, B, R>(
  cause: Event | undefined,
  run: (event: Event, a: A, b: B) => R,
  event: Event,
  a: A,
  b: B,
): R {
  const outer = current;
  current = undefined;
  try {
    return new AsyncResource(DELIVERY, UNTRACKED).runInAsyncScope(() => {
      if (cause !== undefined) followed.enterWith(cause);
      return run(event, a, b);
    });
  } finally {
    current = outer;
  }
}

/** Anything unusual, such as a call among the parameters, does not fit. */
const PARAMETERS_AND_BODY = /^[^(]*\([^()]*\)\s*(?:=>\s*)?\{(.*)\}$/s;
/** What looks like a call but is a statement. */
const STATEMENTS = /\b(?:if|for|while|switch|catch)\s*\(/g;
/** A call, a template that may be one, or a result that may be a promise. */
const MAY_START_SOMETHING = /[(`]|\breturn\b\s*[^;}\s]/;

/**
 * Whether a handler may go on after it has returned: it may unless its own text shows that it calls nothing, since
 * whatever it calls may start a timer or an async function that nobody waits for.
 *
 * @param method The method as it was written. Anything wrapped around it may suspend, too.
 */
export function maySuspend(method: (...args: never[]) => unknown): boolean {
  if (method.constructor.name !== 'Function') return true;
  const source = Function.prototype.toString.call(method);
  if (source.includes('[native code]')) return true;
  const body = PARAMETERS_AND_BODY.exec(source)?.[1];
  return body === undefined || MAY_START_SOMETHING.test(body.replace(STATEMENTS, ''));
}
