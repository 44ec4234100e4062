import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './free-port.js';

type Mode = 'forward' | 'blackhole' | 'refuse';

/** Starts a proxy on a free loopback port in front of a server on `targetPort`, to spoil the network between. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const proxy = new TcpProxy(await freePort(), targetPort);
  await proxy.resume();
  return proxy;
}

/** A network between a client and a server that fails on command. */
export class TcpProxy {
  readonly #targetPort: number;
  readonly #links = new Set<Link>();
  #server: Server | undefined;
  #mode: Mode = 'refuse';

  /** @param port Where clients connect, before and after {@link refuse}. */
  constructor(
    readonly port: number,
    targetPort: number,
  ) {
    this.#targetPort = targetPort;
  }

  /** The URL of the server, by way of this. */
  inFrontOf(url: string): string {
    const address = new URL(url);
    address.hostname = '127.0.0.1';
    address.port = String(this.port);
    return address.href;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#links.size;
  }

  /** Resets every open connection. New ones are welcome. */
  cut(): void {
    for (const link of this.#links) link.reset();
  }

  /** Half-open: no byte and no end of a connection gets through any more, in either direction, and nobody is told. */
  blackhole(): void {
    this.#mode = 'blackhole';
    for (const link of this.#links) link.hold();
  }

  /** What clients say arrives, and what the server says to them gets lost. New connections work. */
  loseAnswers(): void {
    for (const link of this.#links) link.loseAnswers();
  }

  /** Half-open for good: as a blackhole, but for the connections that are open now alone. New ones work. */
  strand(): void {
    for (const link of this.#links) link.strand();
  }

  /** Resets every open connection, and refuses new ones. */
  async refuse(): Promise<void> {
    this.#mode = 'refuse';
    const server = this.#server;
    this.#server = undefined;
    this.cut();
    if (!server) return;
    const closed = once(server, 'close');
    server.close();
    await closed;
  }

  /** Works again. What a blackhole held back is delivered, as a network does that heals. */
  async resume(): Promise<void> {
    this.#mode = 'forward';
    if (!this.#server) {
      this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) =>
        this.#accept(client),
      );
      this.#server.listen(this.port, '127.0.0.1');
      await once(this.#server, 'listening');
    }
    for (const link of this.#links) link.forward();
  }

  /** Ends the proxy and every connection through it. */
  close(): Promise<void> {
    return this.refuse();
  }

  #accept(client: Socket): void {
    const link = new Link(client, this.#targetPort, () => this.#links.delete(link));
    this.#links.add(link);
    if (this.#mode === 'forward') link.forward();
  }
}

/** One connection of a client, and the one to the server behind it. */
class Link {
  readonly #client: Socket;
  readonly #targetPort: number;
  readonly #onClosed: () => void;
  #target: Socket | undefined;
  #holding = true;
  #stranded = false;
  #broken = false;

  constructor(client: Socket, targetPort: number, onClosed: () => void) {
    this.#client = client;
    this.#targetPort = targetPort;
    this.#onClosed = onClosed;
    this.#watch(client);
  }

  /** Starts, or starts again, to pass on what both sides say. */
  forward(): void {
    if (this.#stranded || !this.#holding) return;
    this.#holding = false;
    if (this.#broken) return this.reset();
    this.#target ??= this.#watch(connect({ port: this.#targetPort, host: '127.0.0.1', allowHalfOpen: true }));
    this.#client.pipe(this.#target);
    this.#target.pipe(this.#client);
  }

  hold(): void {
    this.#holding = true;
    for (const side of this.#sides()) side.unpipe().pause();
  }

  loseAnswers(): void {
    this.#target?.unpipe().resume();
  }

  strand(): void {
    this.#stranded = true;
    this.hold();
  }

  reset(): void {
    for (const side of this.#sides()) side.resetAndDestroy();
    this.#onClosed();
  }

  #sides(): Socket[] {
    return this.#target ? [this.#client, this.#target] : [this.#client];
  }

  /** A side that breaks takes the other one along, unless nobody may hear of it yet. */
  #watch(side: Socket): Socket {
    return side
      .setNoDelay()
      .on('error', () => (this.#broken = true))
      .on('close', () => {
        this.#broken = true;
        if (!this.#holding) this.reset();
      });
  }
}
