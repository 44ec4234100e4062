import { Injectable } from '@nestjs/common';
import {
  type Event,
  type EventBackend,
  EventBus,
  EventsModule,
  type InboxStore,
  OnEvent,
} from 'nestjs-durable-events';
import { startApplication } from '../application.js';
import type { Payload } from './payload.js';
import type { Link, Transport } from './transport.js';

const TYPE = 'payment.received';
/** As many as can run at once. */
const KEYS = 100;

/** What an application with this package consists of. */
export interface Setup {
  readonly backend: (link: Link) => EventBackend;
  readonly inbox?: (link: Link) => InboxStore;
  /** Whether every event has a key, one of a hundred. */
  readonly keyed?: boolean;
  readonly remove?: Transport['remove'];
}

/** Nest applications with this package. */
export function nestTransport({ backend, inbox, keyed, remove }: Setup): Transport {
  const consume: Transport['consume'] = async (link, handle) => {
    @Injectable()
    class Payments {
      @OnEvent(TYPE)
      onPayment({ data }: Event<Payload>): void | Promise<void> {
        return handle(data);
      }
    }
    return startApplication(EventsModule.forRoot({ backend: backend(link), inbox: inbox?.(link) }), Payments);
  };
  return {
    // Once it has consumed, a service is known to the broker, which keeps events for it from then on.
    prepare: async (link) => {
      const app = await consume(link, () => undefined);
      await app.close();
    },
    produce: async (link) => {
      const app = await startApplication(EventsModule.forRoot({ backend: backend(link), autoStart: false }));
      const bus = app.get(EventBus);
      const options = keyed ? Array.from({ length: KEYS }, (_, i) => ({ key: `key-${i}` })) : [undefined];
      let sent = 0;
      return {
        send: (payload) => bus.emitAsync(TYPE, payload, options[sent++ % options.length]),
        close: () => app.close(),
      };
    },
    consume,
    remove,
  };
}
