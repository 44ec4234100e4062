import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { EventConfigurationError } from '../../../errors.js';
import { within } from '../within.js';
import type { PeerAnswer, PeerCall, PeerCommand } from './messages.js';

/** A process that runs `runConformanceProcess`, seen from the test. */
export class Peer {
  /** Calls of its handler, in order. */
  readonly calls: PeerCall[] = [];
  /** Payloads whose handler was told that it lost the event. */
  readonly aborted: unknown[] = [];
  /** Resolves with the signal that ended it, else with its exit code. */
  readonly ended: Promise<NodeJS.Signals | number>;
  #output = '';

  /** @param timeoutMs Longest wait for an answer. */
  constructor(
    private readonly child: ChildProcess,
    private readonly timeoutMs: number,
  ) {
    if (child.send === undefined) {
      throw new EventConfigurationError(
        `The option fork of describeBackend() returned a process without an IPC channel. Make it with fork() of node:child_process.`,
      );
    }
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    }
    this.ended = once(child, 'exit').then(([code, signal]) => (signal ?? code) as NodeJS.Signals | number);
    child.on('message', (message) => {
      const answer = message as PeerAnswer;
      if ('called' in answer) this.calls.push(answer.called);
      if ('aborted' in answer) this.aborted.push(answer.aborted);
    });
  }

  start(start: Extract<PeerCommand, { start: unknown }>['start']): Promise<void> {
    return this.#ask({ start });
  }

  /** Resolves when all of it is confirmed. */
  publish(data: readonly unknown[]): Promise<void> {
    return this.#ask({ publish: data, thenDie: false });
  }

  /** Publishes, and dies as soon as the last publish is confirmed. */
  async publishAndDie(data: readonly unknown[]): Promise<void> {
    this.child.send({ publish: data, thenDie: true } satisfies PeerCommand);
    const how = await within(this.timeoutMs, 'The process that is to publish and die', this.ended);
    assert.equal(how, 'SIGKILL', `The process did not get to its end: ${this.#output}`);
  }

  /** Lets held handlers end. Resolves when nothing runs any more. */
  release(): Promise<void> {
    return this.#ask({ release: true });
  }

  /** Closes its bus, after which the process has to end by itself. */
  close(): Promise<void> {
    return this.#ask({ close: true });
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves when it is dead; at once when it is so already. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }

  async #ask(command: PeerCommand): Promise<void> {
    const what = Object.keys(command)[0]!;
    const answered = new Promise<void>((resolve, reject) => {
      const listen = (message: unknown) => {
        const answer = message as PeerAnswer;
        if ('failed' in answer) reject(new Error(`The process could not ${what}: ${answer.failed}`));
        else if ('done' in answer) resolve();
        else return;
        this.child.off('message', listen);
      };
      this.child.on('message', listen);
      const died = (how: NodeJS.Signals | number) =>
        reject(new Error(`The process ended with ${how} when it was to ${what}: ${this.#output}`));
      void this.ended.then(died);
    });
    this.child.send(command);
    await within(this.timeoutMs, `The process that is to ${what}`, answered);
  }
}
