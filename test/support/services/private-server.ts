import { waitFor } from '../wait-for.js';
import type { Host } from './host.js';

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;

/** A server that tests talk to. Its data outlives `kill9`, `restart` and `pause`. */
export interface TestServer {
  readonly url: string;
  readonly port: number;
  /** The data folder. */
  readonly dir: string;
  /** Process id while it runs. */
  readonly pid: number | undefined;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
  /** SIGKILL: the server has no time to save anything. Resolves when it is dead. */
  kill9(): Promise<void>;
  /** Starts it again with the same port and data, after ending it in good order if it still runs. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open, nothing is answered. */
  pause(): Promise<void>;
  /** SIGCONT. */
  resume(): Promise<void>;
}

/** What differs between one kind of server and the next. */
export interface ServerDefinition {
  readonly url: string;
  readonly port: number;
  readonly host: Host;
  /** The command line, without the program. */
  readonly args: readonly string[];
  /** Asks it to end soon and in good order. Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
  /** Milliseconds that it may take to start. Default 20 seconds. */
  readonly startTimeoutMs?: number;
  /** Whether it answers as a server does that is ready for work. */
  readonly ready: () => Promise<boolean>;
}

/** Starts a server of our own and waits until it is ready. */
export async function startPrivateServer(definition: ServerDefinition): Promise<TestServer> {
  const server = new PrivateServer(definition);
  try {
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

class PrivateServer implements TestServer {
  readonly #definition: ServerDefinition;

  constructor(definition: ServerDefinition) {
    this.#definition = definition;
  }

  get url(): string {
    return this.#definition.url;
  }

  get port(): number {
    return this.#definition.port;
  }

  get dir(): string {
    return this.#host.dir;
  }

  get pid(): number | undefined {
    return this.#host.pid;
  }

  get #host(): Host {
    return this.#definition.host;
  }

  async start(): Promise<void> {
    const { args, ready, url, startTimeoutMs = START_TIMEOUT_MS } = this.#definition;
    await this.#host.start(args);
    const settled = await waitFor(
      async () => ((await ready()) ? 'ready' : this.#host.running ? undefined : 'ended'),
      { timeoutMs: startTimeoutMs, message: `the server at ${url} to answer` },
    );
    if (settled === 'ended') {
      throw new Error(
        `The server for ${url} ended while it started. It wrote:\n${await this.#host.output()}`,
      );
    }
  }

  async stop(): Promise<void> {
    await this.#end();
    await this.#host.remove();
  }

  async kill9(): Promise<void> {
    await this.#host.signal('SIGKILL');
    await this.#host.ended();
  }

  async restart(): Promise<void> {
    await this.#end();
    await this.start();
  }

  pause(): Promise<void> {
    return this.#host.signal('SIGSTOP');
  }

  resume(): Promise<void> {
    return this.#host.signal('SIGCONT');
  }

  /** In good order where the server manages it in time; a paused one is woken for it. */
  async #end(): Promise<void> {
    await this.#host.signal('SIGCONT');
    await this.#host.signal(this.#definition.stopSignal ?? 'SIGTERM');
    const impatience = setTimeout(() => void this.#host.signal('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#host.ended();
    clearTimeout(impatience);
  }
}
