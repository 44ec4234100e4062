import type { DispatchOutcome, EventDispatcher } from '../backend.js';
import { ALL_HANDLERS } from '../../dead-letters/dead-letter.js';
import { EventConfigurationError } from '../../errors.js';
import type { Event } from '../../event.js';
import type { Claim } from './claim.js';
import type { Roster } from './roster.js';

/** Times that an event goes on at once: Redis serves first who has waited longest, so it goes the rounds. */
const AT_ONCE = 3;
const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 500;
/** Times an event may be handed over before that is worth a word. */
const MANY = 12;

/**
 * Stands before the dispatcher. An event for which this process has no handler, but another one of the group has, as
 * while a new release is rolled out, goes back to the group. That ends when a process with a handler has it, or when
 * none is left.
 */
export class Handover {
  constructor(
    private readonly next: EventDispatcher,
    private readonly roster: Roster,
    private readonly group: string,
    private readonly report: (error: Error) => void,
  ) {}

  readonly dispatch = (event: Event, claim: Claim): Promise<DispatchOutcome> => {
    // The dispatcher itself defers what is for one handler that is not here.
    const addressed = claim.handlerId !== undefined && claim.handlerId !== ALL_HANDLERS;
    if (addressed || this.roster.listens(event.type)) return this.next(event, claim);
    const elsewhere = this.roster.othersListen(event.type, Number.parseInt(claim.id, 10));
    return elsewhere === false ? this.next(event, claim) : this.#decide(event, claim, elsewhere);
  };

  async #decide(event: Event, claim: Claim, elsewhere: true | Promise<boolean>): Promise<DispatchOutcome> {
    try {
      if (!(await elsewhere)) return await this.next(event, claim);
    } catch (error) {
      // Nobody knows, so nobody may drop it.
      this.report(error as Error);
    }
    return this.#handOver(event, claim);
  }

  #handOver(event: Event, claim: Claim): DispatchOutcome {
    const { attempt = 1, attempts = [], deadLetterId, deferrals = 0 } = claim;
    if (deferrals + 1 === MANY) this.report(stillNotTaken(event, this.group));
    const retry = {
      handlerId: ALL_HANDLERS,
      attempt,
      attempts,
      deadLetterId,
      deferrals: deferrals + 1,
      delayMs: delayAfter(deferrals),
    };
    return { status: 'failed', retries: [retry], deadLetters: [], resolved: [], released: [] };
  }
}

/** Spread, so that events do not fall into step with the reads of the process that cannot handle them. */
function delayAfter(handovers: number): number {
  if (handovers < AT_ONCE) return 0;
  const delayMs = Math.min(FIRST_DELAY_MS * 2 ** (handovers - AT_ONCE), LONGEST_DELAY_MS);
  return delayMs * (0.5 + Math.random());
}

function stillNotTaken({ type, id }: Event, group: string): EventConfigurationError {
  return new EventConfigurationError(
    `Event '${type}' (${id}) was handed over ${MANY} times: processes of group '${group}' without a handler for it get it, ` +
      'and one with a handler does not. It stays in the group. Give all processes of a group the same handlers.',
  );
}
