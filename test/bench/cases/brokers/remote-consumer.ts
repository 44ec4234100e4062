import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Link } from './transport.js';
import type { TransportName } from './transports.js';

/** What the process of a consumer is made for. */
export interface ConsumerRole {
  readonly transport: TransportName;
  readonly link: Link;
  /** How long its handler takes. */
  readonly forMs: number;
}

/** A consumer in a process of its own, whose work is never done. */
export class RemoteConsumer {
  private constructor(private readonly child: ChildProcess) {}

  /** Resolves when it consumes. */
  static async start(role: ConsumerRole): Promise<RemoteConsumer> {
    const program = fileURLToPath(new URL('./consumer-process.js', import.meta.url));
    const child = fork(program, [JSON.stringify(role)], { execArgv: [] });
    const consumer = new RemoteConsumer(child);
    await consumer.#told('ready');
    return consumer;
  }

  /** Resolves when so many calls of its handler have begun. */
  busyWith(calls: number): Promise<void> {
    return this.#told(calls);
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
  }

  #told(awaited: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      const died = () => reject(new Error('The consumer ended before it was told to.'));
      const listen = (message: unknown) => {
        if (message !== awaited) return;
        this.child.off('message', listen).off('exit', died);
        resolve();
      };
      this.child.on('message', listen).once('exit', died);
    });
  }
}
