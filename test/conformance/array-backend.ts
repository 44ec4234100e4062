import type { Event, EventBackend, EventDispatcher } from 'nestjs-durable-events';

/** The smallest complete backend: four methods around an array. It ignores what the dispatcher returns. */
export class ArrayBackend implements EventBackend {
  readonly name: string = 'array';
  readonly #queue: unknown[] = [];
  #dispatch: EventDispatcher | undefined;

  publish(event: Event): Promise<void> {
    this.#queue.push(this.store(event));
    this.#loop();
    return Promise.resolve();
  }

  subscribe(dispatch: EventDispatcher): Promise<void> {
    this.#dispatch = dispatch;
    this.#loop();
    return Promise.resolve();
  }

  /** The bus has waited for the handlers before it calls this. */
  close(): Promise<void> {
    this.#dispatch = undefined;
    return Promise.resolve();
  }

  protected store(event: Event): unknown {
    return event;
  }

  #loop(): void {
    if (this.#dispatch === undefined) return;
    for (const item of this.#queue.splice(0)) {
      void this.#dispatch(item as Event);
    }
  }
}

/** What a broker does to an event: nothing of the object is left but its JSON. */
export class JsonArrayBackend extends ArrayBackend {
  override readonly name = 'json array';

  protected override store(event: Event): unknown {
    return JSON.parse(JSON.stringify(event));
  }
}
