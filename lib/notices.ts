import { Logger } from '@nestjs/common';
import { ErrorStream, type EventErrorNotice } from './error-stream.js';

/** Tells everybody who wants to know: the log, `bus.errors` and the `onError` option. */
export class Notices {
  readonly stream: ErrorStream;
  readonly #logger: Logger;

  constructor(
    busName: string | undefined,
    bufferSize: number,
    private readonly onError?: (notice: EventErrorNotice) => void,
  ) {
    this.#logger = new Logger(busName === undefined ? 'EventBus' : `EventBus(${busName})`);
    this.stream = new ErrorStream(bufferSize);
  }

  readonly notify = (notice: EventErrorNotice): void => {
    this.#log(notice);
    this.stream.notify(notice);
    try {
      this.onError?.(notice);
    } catch (error) {
      this.#logger.error(`The onError option threw: ${(error as Error).message}`, (error as Error).stack);
    }
  };

  report(error: Error): void {
    this.notify({ error, action: 'reported', at: new Date() });
  }

  info(message: string): void {
    this.#logger.log(message);
  }

  warn(message: string): void {
    this.#logger.warn(message);
  }

  #log({ error, event, handlerId, attempt, action, delayMs }: EventErrorNotice): void {
    const subject = event === undefined ? '' : ` event '${event.type}' (${event.id})`;
    const who = handlerId === undefined ? '' : ` handler '${handlerId}', attempt ${attempt}:`;
    const next = delayMs === undefined ? action : `${action} in ${delayMs} ms`;
    const line = `${next}:${subject}${who} ${error.message}`;
    // A circuit breaker that is open defers whatever comes.
    if (action === 'deferred') this.#logger.debug(line);
    else if (action === 'retry' || action === 'released') this.#logger.warn(line);
    else this.#logger.error(line, error.stack);
  }
}
