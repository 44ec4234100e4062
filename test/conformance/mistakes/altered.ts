import type {
  Delivery,
  DispatchOutcome,
  Event,
  EventBackend,
  EventDispatcher,
  EventJson,
} from 'nestjs-durable-events';
import type { ConformanceCapabilities, ConformanceOptions } from 'nestjs-durable-events/testing';

/** One thing that a backend does wrong, and the cases of the kit that have to notice. */
export interface Mistake {
  readonly make: (context: { readonly namespace: string; readonly group: string }) => EventBackend;
  readonly fails: string | readonly string[];
  /** Default: what the backend declares. */
  readonly held?: ConformanceCapabilities;
  /** Beside those that all mistakes of a kind have. */
  readonly options?: ConformanceOptions;
  /** Part of what the failure says, so that it is the mistake that was noticed. */
  readonly says?: RegExp;
}

/** The object, but for what is changed. The rest runs on the original, private fields included. */
export function altered<T extends object>(inner: T, changes: { [M in keyof T]?: T[M] }): T {
  const own: Record<PropertyKey, unknown> = { ...changes };
  return new Proxy(inner, {
    get(target, name) {
      if (name in own) return own[name];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
    set(_, name, value) {
      own[name] = value;
      return true;
    },
  });
}

type Step = (
  event: Event | EventJson,
  delivery: Delivery | undefined,
  dispatch: EventDispatcher,
) => Promise<DispatchOutcome>;

/** The backend, but for what happens on the way to the handlers and back. */
export function dispatching(inner: EventBackend, step: Step): EventBackend {
  return altered<EventBackend>(inner, {
    subscribe: (dispatch) => inner.subscribe!((event, delivery) => step(event, delivery, dispatch)),
  });
}

/** The backend, but for what it learns of the outcome. */
export function settling(
  inner: EventBackend,
  change: (outcome: DispatchOutcome) => DispatchOutcome,
): EventBackend {
  return dispatching(inner, async (event, delivery, dispatch) => change(await dispatch(event, delivery)));
}

/** The backend, but for what handlers are told of a delivery. */
export function delivering(inner: EventBackend, change: (delivery: Delivery) => Delivery): EventBackend {
  return dispatching(inner, (event, delivery, dispatch) => dispatch(event, delivery && change(delivery)));
}

/** The backend, but for the events that it is given. */
export function publishing(inner: EventBackend, change: (event: Event) => Event): EventBackend {
  return altered<EventBackend>(inner, { publish: (event, options) => inner.publish(change(event), options) });
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export const NEVER = new Promise<never>(() => undefined);
