import type { Event } from '../event.js';
import type { EmitOptions } from '../emit/emit-options.js';
import type { EventHandler } from '../handlers/handler.js';

/**
 * Wraps every handler: called once per handler and try, in the order given, the first one outermost.
 *
 * @example
 * const timing: EventMiddleware = (next) => async (event, context) => {
 *   const begin = performance.now();
 *   try {
 *     return await next(event, context);
 *   } finally {
 *     histogram.observe(performance.now() - begin);
 *   }
 * };
 */
export type EventMiddleware = (next: EventHandler) => EventHandler;

/** What middleware around emitting is told. */
export interface EmitContext {
  /** Which method was called. */
  readonly mode: 'emit' | 'emitSync' | 'emitAsync' | 'emitBatch';
  readonly options: EmitOptions;
}

/** Wraps every emit. Not calling `next` swallows the event; throwing refuses it. */
export type EmitMiddleware = (next: EmitStep) => EmitStep;

/** Passes an event on towards its handlers or its backend. */
export type EmitStep = (event: Event, context: EmitContext) => Promise<void>;

/** Puts middleware around the innermost function; the first of the list is the outermost. */
export function compose<F>(middleware: readonly ((next: F) => F)[], innermost: F): F {
  return middleware.reduceRight((next, wrap) => wrap(next), innermost);
}
