import { type DeadLetterStore, type EventBackend, HANDLED } from 'nestjs-durable-events';
import { crash } from './crash.js';
import type { FaultPoint } from './settings.js';

/** Places where this process crashes once it was told to. */
export class FaultPoints {
  readonly #armed = new Set<FaultPoint>();

  arm(point: FaultPoint): void {
    this.#armed.add(point);
  }

  reach(point: FaultPoint): void {
    if (this.#armed.has(point)) crash();
  }

  /** Puts `before-ack` between the handlers and the backend. */
  watchBackend(backend: EventBackend): void {
    const subscribe = backend.subscribe!.bind(backend);
    backend.subscribe = (dispatch) =>
      subscribe(async (event, delivery) => {
        const outcome = await dispatch(event, delivery);
        this.reach('before-ack');
        return outcome;
      });
  }

  /** Makes the backend believe that an event is handled as soon as its handlers have begun. */
  acknowledgeEarly(backend: EventBackend): void {
    const subscribe = backend.subscribe!.bind(backend);
    backend.subscribe = (dispatch) =>
      subscribe((event, delivery) => {
        void dispatch(event, delivery);
        return Promise.resolve(HANDLED);
      });
  }

  /** Puts `dead-letter-stored` behind the store. */
  watchStore(store: DeadLetterStore): void {
    const add = store.add.bind(store);
    store.add = async (entries) => {
      await add(entries);
      this.reach('dead-letter-stored');
    };
  }
}
