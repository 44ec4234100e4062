/** Names of the keys of one store. The braces put all of them into one slot of a cluster. */
export class StoreKeys {
  /** Channel that tells of appends. A key prefix of the client is no part of it. */
  readonly channel: string;
  /** Position of the last event. */
  readonly position: string;
  /** Stream of all events, each under its position. */
  readonly log: string;
  /** Position by event id. */
  readonly ids: string;
  /** Every name that an event has had. */
  readonly types: string;
  /** Where each block of events begins, as `position:events before`. */
  readonly blocks: string;
  /** By block, the latest time of an event in it or before. */
  readonly latest: string;
  /** By block, the earliest time of an event in it or behind; blocks before which there is an earlier one are left out. */
  readonly earliest: string;
  /** By position, what became of publishing it, unless that is as the log says. */
  readonly publication: string;
  /** Positions of what is not published. */
  readonly unsettled: string;
  readonly snapshots: string;
  /** Names of the checkpoints that were saved. */
  readonly checkpoints: string;
  readonly #base: string;

  constructor(namespace: string) {
    this.#base = `{${namespace}}:store:`;
    this.channel = this.#of('appended');
    this.position = this.#of('position');
    this.log = this.#of('log');
    this.ids = this.#of('ids');
    this.types = this.#of('types');
    this.blocks = this.#of('blocks');
    this.latest = this.#of('latest');
    this.earliest = this.#of('earliest');
    this.publication = this.#of('publication');
    this.unsettled = this.#of('unsettled');
    this.snapshots = this.#of('snapshots');
    this.checkpoints = this.#of('checkpoints');
  }

  /** Stream of the positions of a type. */
  type(type: string): string {
    return this.#of(`type:${type}`);
  }

  /** Stream of the positions of a source. */
  source(source: string): string {
    return this.#of(`source:${source}`);
  }

  /** List of the positions of a stream: an event's place in it is its version. */
  stream(streamId: string): string {
    return this.#of(`stream:${streamId}`);
  }

  /** List of the positions of a flow, without the event that has its id. */
  correlation(correlationId: string): string {
    return this.#of(`correlation:${correlationId}`);
  }

  /** List of the positions of what an event caused. */
  causation(causationId: string): string {
    return this.#of(`causation:${causationId}`);
  }

  checkpoint(name: string): string {
    return this.#of(`checkpoint:${name}`);
  }

  #of(rest: string): string {
    return this.#base + rest;
  }
}
