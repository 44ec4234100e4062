/** What became of the deliveries that were under way when a bus shut down. */
export interface ShutdownReport {
  /** Ended by themselves within `drainTimeoutMs`. */
  readonly drained: number;
  /** Still ran at that moment: their signal was aborted. */
  readonly aborted: number;
  /** Handed back for other processes, or the next start: interrupted, or never begun. Not counted as a try. */
  readonly released: number;
  /** Ran on after `abortGraceMs`, and were left to themselves. */
  readonly abandoned: number;
  /** How long all of it took. */
  readonly durationMs: number;
}

/** The figures a report is made of, at one moment. */
export interface DeliveryCounts {
  /** Deliveries that began, since the start. */
  readonly begun: number;
  readonly running: number;
  /** Handlers that were interrupted, since the start. */
  readonly released: number;
}

/** Adds up what several drains of one shutdown did. */
export class ShutdownTally {
  #drained = 0;
  #aborted = 0;
  #released = 0;
  #abandoned = 0;
  #durationMs = 0;

  constructor(private readonly counts: () => DeliveryCounts) {}

  get report(): ShutdownReport {
    return {
      drained: this.#drained,
      aborted: this.#aborted,
      released: this.#released,
      abandoned: this.#abandoned,
      durationMs: Math.round(this.#durationMs),
    };
  }

  /** A drain begins. @returns To be called when handlers are interrupted, and when it is over. */
  begin(): { interrupted: () => void; over: (releasedByBackend: number) => void } {
    const startedAt = performance.now();
    const start = this.counts();
    let interruption: DeliveryCounts | undefined;
    return {
      interrupted: () => {
        interruption = this.counts();
        this.#aborted += interruption.running;
      },
      over: (releasedByBackend) => {
        const end = this.counts();
        const { begun, running } = interruption ?? end;
        this.#drained += begun - running - (start.begun - start.running);
        this.#released += end.released - start.released + releasedByBackend;
        this.#abandoned = interruption === undefined ? 0 : end.running;
        this.#durationMs += performance.now() - startedAt;
      },
    };
  }
}

/** The report as a line of the log; `undefined` when nothing was under way. */
export function describeShutdown(report: ShutdownReport): string | undefined {
  const { drained, aborted, released, abandoned, durationMs } = report;
  if (drained + aborted + released + abandoned === 0) return undefined;
  return `Shut down in ${durationMs} ms: ${drained} deliveries drained, ${aborted} aborted, ${released} released, ${abandoned} abandoned.`;
}
