import type {
  DispatchOutcome,
  Event,
  EventBackend,
  EventDispatcher,
  PublishReceipt,
} from 'nestjs-durable-events';

/** The four methods of a complete backend and nothing else: it delivers at once and keeps what came of it. */
export class PlainBackend implements EventBackend {
  readonly name: string = 'plain';
  readonly published: Event[] = [];
  readonly outcomes: Promise<DispatchOutcome>[] = [];
  dispatch: EventDispatcher | undefined;

  async publish(event: Event): Promise<PublishReceipt | void> {
    this.published.push(event);
    // As a broker would: the event comes back as JSON.
    const wire = JSON.parse(JSON.stringify(event)) as Event;
    if (this.dispatch !== undefined) this.outcomes.push(this.dispatch(wire));
  }

  async subscribe(dispatch: EventDispatcher): Promise<void> {
    this.dispatch = dispatch;
  }

  async close(): Promise<void> {
    this.dispatch = undefined;
  }
}
