import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { EventBusHealth, EventBusStats } from 'nestjs-durable-events';
import type { Command, FaultPoint, ServiceSettings } from './programs/settings.js';

/** A Nest application in a process of its own. */
export class ServiceProcess {
  /** What it wrote, for errors. */
  output = '';
  /** Resolves when it has started to consume, if it has handlers; rejects when it ended before. */
  readonly ready: Promise<void>;
  /** Resolves when its traffic is confirmed to the last event; rejects when it ended before. */
  readonly placed: Promise<void>;
  /** Resolves with the signal that ended it, else with its exit code. */
  readonly ended: Promise<NodeJS.Signals | number>;
  readonly name: string;
  /** A start that fails is no failure of the test: somebody starts it again, as a process manager does. */
  supervised = false;
  #started = false;
  readonly #child: ChildProcess;
  #signals: NodeJS.Signals[] = ['SIGKILL'];

  constructor(program: string, settings: ServiceSettings) {
    this.name = settings.name;
    // Options of the process that runs the tests are not meant for this one.
    const child = fork(program, [JSON.stringify(settings)], {
      execArgv: [],
      env: plainEnvironment(),
      silent: true,
    });
    this.#child = child;
    child.stdout!.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    child.stderr!.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.ended = once(child, 'close').then(([code, signal]) => (signal ?? code) as NodeJS.Signals | number);
    this.ready = this.#told('ready').then(() => void (this.#started = true));
    this.placed = this.#told('placed');
    // Who waits for them sees why they reject; a process that is killed on purpose has nobody waiting.
    for (const promise of [this.ready, this.placed]) promise.catch(() => undefined);
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** It ended otherwise than by a signal that it was sent, or a crash of its own making. */
  get failed(): boolean {
    const { exitCode, signalCode } = this.#child;
    if (this.supervised && this.refusedToStart) return false;
    return exitCode !== null || (signalCode !== null && !this.#signals.includes(signalCode));
  }

  /** It ended by itself before it was ready, because something that it needs was away. */
  get refusedToStart(): boolean {
    return !this.#started && this.#child.exitCode !== null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#signals.push(signal);
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }

  /** Lets held orders go on. */
  release(): void {
    this.#send('release');
  }

  /** Ends its traffic; {@link placed} tells when all of it is confirmed. */
  enough(): void {
    this.#send('enough');
  }

  /** Makes it crash when it comes there next. */
  crashAt(point: FaultPoint): void {
    this.#send({ crashAt: point });
  }

  async stats(): Promise<EventBusStats> {
    return (await this.#ask<{ stats: EventBusStats }>('stats')).stats;
  }

  async health(): Promise<EventBusHealth> {
    return (await this.#ask<{ health: EventBusHealth }>('health')).health;
  }

  /** The answer has what was asked for as its only property. */
  #ask<T extends object>(what: Command & string): Promise<T> {
    const reply = this.#reply(
      (message): message is T => typeof message === 'object' && message !== null && what in message,
    );
    this.#send(what);
    return reply;
  }

  #send(command: Command): void {
    this.#child.send(command);
  }

  async #told(what: string): Promise<void> {
    await this.#reply((message): message is string => message === what);
  }

  #reply<T>(matches: (message: unknown) => message is T): Promise<T> {
    return new Promise((resolve, reject) => {
      const listen = (message: unknown) => {
        if (!matches(message)) return;
        this.#child.off('message', listen);
        resolve(message);
      };
      this.#child.on('message', listen);
      void this.ended.then((how) =>
        reject(new Error(`The process '${this.name}' ended with ${how} before it answered:\n${this.output}`)),
      );
    });
  }
}

/** That of the tests, without the options of their Node. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...environment } = process.env;
  return environment;
}
