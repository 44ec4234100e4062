import { toError } from '../../dispatch/failure.js';
import type { Claim } from './claim.js';
import type { Link } from './link.js';
import type { Names } from './names.js';
import { deleteMessage, lastMessage } from './stored-message.js';

/** Counts durably how often a group began with a message that may kill its process. */
export class Beginnings {
  constructor(
    private readonly link: Link,
    private readonly names: Names,
    private readonly group: string,
    private readonly report: (error: Error) => void,
  ) {}

  /**
   * Counts one more. Only the one process that has the message does, so that reading and writing are apart.
   *
   * @returns The count before.
   */
  async add({ sequence }: Claim): Promise<number> {
    const { requests, publisher, headers } = this.link;
    const subject = this.names.begun(this.group, sequence);
    const before = Number((await lastMessage(requests, this.names.stateStream, subject))?.text ?? 0);
    await publisher.publish({ subject, data: String(before + 1), headers: headers() });
    return before;
  }

  /** Forgets the count. */
  forget({ sequence }: Claim): void {
    this.#delete(this.names.begun(this.group, sequence)).catch((error: unknown) =>
      this.report(toError(error)),
    );
  }

  async #delete(subject: string): Promise<void> {
    const { requests } = this.link;
    const { stateStream } = this.names;
    const last = await lastMessage(requests, stateStream, subject);
    if (last !== undefined) await deleteMessage(requests, stateStream, last.seq);
  }
}
