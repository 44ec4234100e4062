import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Link } from './transport.js';
import type { TransportName } from './transports.js';

/** What the process of a producer is made for. */
export interface ProducerRole {
  readonly transport: TransportName;
  readonly link: Link;
}

/** What it is told to do. */
export type ProducerTask =
  | { readonly events: number; readonly inFlight: number }
  | { readonly perSecond: number; readonly forMs: number };

/** What it says when all is confirmed. */
export interface ProducerReport {
  /** When it began, by the clock that processes share. */
  readonly startedAtUs: number;
  readonly cpuNs: number;
}

/** A producer in a process of its own. */
export class RemoteProducer {
  private constructor(private readonly child: ChildProcess) {}

  /** Resolves when it is connected. */
  static async start(role: ProducerRole): Promise<RemoteProducer> {
    const program = fileURLToPath(new URL('./producer-process.js', import.meta.url));
    const child = fork(program, [JSON.stringify(role)], { execArgv: [] });
    const producer = new RemoteProducer(child);
    await producer.#answer();
    return producer;
  }

  /** @throws Error when the process ended before it was done. */
  async run(task: ProducerTask): Promise<ProducerReport> {
    this.child.send(task);
    return (await this.#answer()) as ProducerReport;
  }

  async close(): Promise<void> {
    const exited = once(this.child, 'exit');
    this.child.disconnect();
    await exited;
  }

  async #answer(): Promise<unknown> {
    const waiting = new AbortController();
    const died = once(this.child, 'exit', waiting).then(([code]) => {
      throw new Error(`The producer ended with ${String(code)} before it was done.`);
    });
    try {
      const [message] = (await Promise.race([once(this.child, 'message', waiting), died])) as unknown[];
      return message;
    } finally {
      died.catch(() => undefined);
      waiting.abort();
    }
  }
}
