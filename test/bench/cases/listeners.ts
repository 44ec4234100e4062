import { compileFunction } from 'node:vm';
import { Injectable, type Type } from '@nestjs/common';

/** Names of the events that are emitted in turn: with one alone, the compiler would inline what no application can. */
export const EVENT_TYPES = ['user', 'order', 'invoice', 'cart'].flatMap((subject) => [
  `${subject}.created`,
  `${subject}.updated`,
]);

/** The payloads that are emitted in turn. */
export const PAYLOADS = Array.from({ length: 64 }, (_, i) => ({
  userId: i + 1,
  email: `user${i + 1}@example.com`,
}));

/** Calls of handlers so far, and a sum that makes them use what they are given. */
export interface Tally {
  calls: number;
  sum: number;
  readonly add: (userId: number) => void;
}

export interface ListenerOptions {
  readonly types: readonly string[];
  readonly handlersPerType: number;
  readonly async: boolean;
  /** Whether a handler calls something, as most do. Ours follows those with an AsyncLocalStorage. */
  readonly calling: boolean;
  /** What a handler reads off its argument. */
  readonly reads: 'argument.userId' | 'argument.data.userId';
  readonly decorate: (type: string) => (target: object, key: string, descriptor: PropertyDescriptor) => void;
}

/** A provider with that many handlers for each type, and the tally they write to. */
export function makeListener(options: ListenerOptions): { listener: Type; tally: Tally } {
  const { types, handlersPerType, decorate } = options;
  const tally: Tally = {
    calls: 0,
    sum: 0,
    add: (userId) => {
      tally.calls++;
      tally.sum += userId;
    },
  };
  @Injectable()
  class Listener {}
  for (const type of types) {
    for (let i = 0; i < handlersPerType; i++) {
      const name = `on_${type.replace(/\W/g, '_')}_${i}`;
      const descriptor = { value: makeMethod(name, options, tally), configurable: true, writable: true };
      Object.defineProperty(Listener.prototype, name, descriptor);
      decorate(type)(Listener.prototype, name, descriptor);
    }
  }
  return { listener: Listener, tally };
}

/** Each from a source of its own, as in an application: closures of one source share what the compiler learns. */
function makeMethod(name: string, { async, calling, reads }: ListenerOptions, tally: Tally): () => unknown {
  const body = calling ? `tally.add(${reads})` : `tally.calls++; tally.sum += ${reads}`;
  const source = `return ${async ? 'async ' : ''}function ${name}(argument) { ${body}; }`;
  const make = compileFunction(source, ['tally']) as (tally: Tally) => () => unknown;
  return make(tally);
}
