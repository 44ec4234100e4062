import type { DeadLetter, DeadLetterStore } from '../../dead-letters/dead-letter.js';
import { EventBusClosedError, EventConfigurationError } from '../../errors.js';
import { DEFAULT_SOURCE, type Event } from '../../event.js';
import type { BackendHost, KeyFailurePolicy } from '../backend.js';

/** The bus that a backend belongs to, and the name it goes by there. Without one, as in a script, it works, too. */
export class ItsBus {
  #host: BackendHost | undefined;

  /**
   * @param user Name of the backend's class, for errors.
   * @param name The group that was asked for.
   */
  constructor(
    private readonly user: string,
    private readonly name: string | undefined,
  ) {}

  attach(host: BackendHost): void {
    this.#host = host;
  }

  /** Absent in a script. */
  get host(): BackendHost | undefined {
    return this.#host;
  }

  get source(): string {
    return this.#host?.source ?? DEFAULT_SOURCE;
  }

  /** Whether it has handlers, and so will consume. */
  get consumes(): boolean {
    return (this.#host?.patterns().length ?? 0) > 0;
  }

  get hasBroadcastHandlers(): boolean {
    return this.#host?.hasBroadcastHandlers() === true;
  }

  get onKeyFailure(): KeyFailurePolicy {
    return this.#host?.onKeyFailure ?? 'block-key';
  }

  /** The module's own store of dead letters. */
  get deadLetters(): DeadLetterStore | undefined {
    return this.#host?.deadLetters;
  }

  /** @throws {EventConfigurationError} when nobody gave it a name. */
  get group(): string {
    const group = this.name ?? this.#host?.source;
    if (group) return group;
    throw new EventConfigurationError(
      `${this.user} needs a 'group'. Set it to the name of your service, or set the module's 'source'.`,
    );
  }

  /** Two services of one name would take each other's events, and complete those they have no handler for. */
  warnOfSharedName(): void {
    if (this.name !== undefined || this.#host?.source !== DEFAULT_SOURCE) return;
    this.report(
      new EventConfigurationError(
        `${this.user} consumes as group '${DEFAULT_SOURCE}', the name of every service that has none. Set 'group', or the module's 'source', to the name of this service.`,
      ),
    );
  }

  /** Without a bus, as in a script, a warning of the process is what is left. */
  report(error: Error): void {
    if (this.#host) this.#host.report(error);
    else process.emitWarning(error.message, { type: error.name, detail: error.stack });
  }

  /** A dead letter that no handler made is about to be stored. */
  deadLettered(entry: DeadLetter, error: Error): void {
    if (this.#host) this.#host.deadLettered(entry, error);
    else this.report(error);
  }

  /** Keeps an event that no handler was given, where there is a place for it. */
  async deadLetter(event: Event, error: Error): Promise<void> {
    if (this.#host) await this.#host.deadLetter(event, error);
    else this.report(error);
  }

  /** For what is called when the backend is closed. @param advice What to do instead. */
  closed(advice = 'Publish before close().'): EventBusClosedError {
    return new EventBusClosedError(`${this.user} is closed. ${advice}`);
  }

  /** For whoever subscribes a second time. */
  taken(): EventConfigurationError {
    return new EventConfigurationError(`${this.user} has a subscriber already. Use one backend per bus.`);
  }
}
