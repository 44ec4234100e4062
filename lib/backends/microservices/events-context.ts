import { BaseRpcContext } from '@nestjs/microservices';
import type { Event } from '../../event.js';
import type { HandlerContext } from '../../handlers/handler.js';

/** What `@Ctx()` is in handlers that {@link EventsTransport} calls. */
export class EventsContext extends BaseRpcContext<[Event, HandlerContext]> {
  /** The whole event, also where the payload is its data alone. */
  getEvent(): Event {
    return this.args[0];
  }

  /** Facts about this delivery, and the signal that aborts when the handler is to stop. */
  getHandlerContext(): HandlerContext {
    return this.args[1];
  }
}
