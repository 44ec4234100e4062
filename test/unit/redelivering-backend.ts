import type { Delivery, DispatchOutcome, Event, HandlerRetry } from 'nestjs-durable-events';
import { PlainBackend } from './plain-backend.js';

/** A backend that acts on outcomes, as far as tests want it to: it delivers again only when it is told to. */
export class RedeliveringBackend extends PlainBackend {
  readonly capabilities = { redelivery: true };

  deliver(event: Event, delivery?: Delivery): Promise<DispatchOutcome> {
    return this.dispatch!(event, delivery);
  }

  /** What a durable backend does when the delay of a retry is over. */
  retry(event: Event, retry: HandlerRetry): Promise<DispatchOutcome> {
    return this.deliver(event, { ...retry, redelivered: true });
  }
}
