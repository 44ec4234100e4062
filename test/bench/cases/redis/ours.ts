import { Injectable } from '@nestjs/common';
import { type Event, EventBus, EventsModule, OnEvent } from 'nestjs-durable-events';
import { RedisStreamsBackend } from 'nestjs-durable-events/redis';
import { startApplication } from '../application.js';
import type { Payload } from './payload.js';
import type { Link, Transport } from './transport.js';

const TYPE = 'payment.received';
/** As many as the raw loop reads at once. */
const CONCURRENCY = 100;

function backendOf({ url }: Link): RedisStreamsBackend {
  return new RedisStreamsBackend({ connection: url, group: 'bench', concurrency: CONCURRENCY });
}

/** Nest applications with this package. */
export const ours: Transport = {
  prepare: () => Promise.resolve(),
  produce: async (link) => {
    const app = await startApplication(EventsModule.forRoot({ backend: backendOf(link), autoStart: false }));
    const bus = app.get(EventBus);
    return { send: (payload) => bus.emitAsync(TYPE, payload), close: () => app.close() };
  },
  consume: async (link, handle) => {
    @Injectable()
    class Payments {
      @OnEvent(TYPE)
      onPayment({ data }: Event<Payload>): void {
        handle(data);
      }
    }
    return startApplication(EventsModule.forRoot(backendOf(link)), Payments);
  },
};
