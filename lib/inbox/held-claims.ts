import type { Claim } from './claim.js';
import type { InboxKey } from './inbox-store.js';

/** The claims of this process, by handler and event. */
export class HeldClaims {
  readonly #byHandler = new Map<string, Map<string, Claim>>();

  get({ handlerId, eventId }: InboxKey): Claim | undefined {
    return this.#byHandler.get(handlerId)?.get(eventId);
  }

  add(claim: Claim): void {
    const { handlerId, eventId } = claim.key;
    let events = this.#byHandler.get(handlerId);
    if (events === undefined) this.#byHandler.set(handlerId, (events = new Map()));
    events.set(eventId, claim);
  }

  remove({ key: { handlerId, eventId } }: Claim): void {
    const events = this.#byHandler.get(handlerId);
    if (events?.delete(eventId) && events.size === 0) this.#byHandler.delete(handlerId);
  }

  /** Those that have to be renewed. */
  active(): Claim[] {
    return [...this.#byHandler.values()].flatMap((events) =>
      [...events.values()].filter(({ active }) => active),
    );
  }
}
