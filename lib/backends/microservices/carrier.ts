import type { BaseRpcContext, ClientProxy, MessageHandler, Transport } from '@nestjs/microservices';
import type { Observable } from 'rxjs';

/** What is used of a server of Nest: all of Nest's own, and whatever extends `Server` and can listen. */
export interface ListeningServer {
  readonly status: Observable<unknown>;
  addHandler(pattern: unknown, callback: MessageHandler, isEventHandler?: boolean): void;
  getHandlerByPattern(pattern: string): MessageHandler | null;
  listen(callback: (error?: unknown) => void): unknown;
  close(): unknown;
  unwrap(): unknown;
}

/** Options of a transport, as `ClientsModule` and `connectMicroservice` take them. */
export type TransportOptions = Readonly<Record<string, unknown>>;

/** What a carrier is told about the backend. */
export interface CarrierContext {
  /** The service. */
  readonly group: string;
  readonly concurrency: number;
}

/** What has to be known about one transport of Nest to carry events over it. */
export interface Carrier {
  /** In errors. */
  readonly name: string;
  /** The packages that it needs; of each list one will do. */
  readonly packages: readonly (readonly string[])[];
  /** Each event goes to one process of a service. Otherwise to all of them, or to the only one. */
  readonly shares: boolean;
  clientOptions(options: TransportOptions): TransportOptions;
  /** @throws {EventConfigurationError} for options with which events would be lost. */
  serverOptions(options: TransportOptions, context: CarrierContext): TransportOptions;
  /** Absent: Nest's own client. */
  makeClient?(options: TransportOptions): ClientProxy;
  makeServer(options: TransportOptions): ListeningServer;
  /** The pattern, as Nest calls it, for events of a name: the name itself, but for characters that mean something. */
  channelOf(type: string): string;
  /**
   * What to listen to for names and patterns of events: at least these.
   *
   * @throws {EventConfigurationError} when the transport has no wildcards and one is needed.
   */
  subscriptions(prefix: string, patterns: readonly string[], group: string): string[];
  /** Where a packet came from. */
  channelFrom(context: BaseRpcContext): string;
  /** A payload together with how to send it. */
  record?(payload: unknown): unknown;
  /** Resolves when whatever was emitted has been taken. Absent: `emit` tells by itself. */
  confirm?(client: ClientProxy): Promise<unknown>;
  /**
   * Resolves when what was sent to the server has arrived, and what it listens to is known; with a number, when the broker
   * still has so many events for this service.
   */
  arrived?(server: ListeningServer): Promise<unknown>;
  /** {@link arrived} has to be asked now and then, or else the server does not notice a dead connection. */
  readonly beats?: boolean;
  /** Lets the broker forget a packet, which it hands out again otherwise. */
  acknowledge?(context: BaseRpcContext): void;
  redelivered?(context: BaseRpcContext): boolean;
  /** Ends the connections of a client or server at once that cannot close in good order. */
  abort?(client: ClientProxy | ListeningServer): void;
}

/** The transports that a backend can be made of by name. */
export type CarriedTransport =
  Transport.NATS | Transport.RMQ | Transport.REDIS | Transport.MQTT | Transport.TCP;
