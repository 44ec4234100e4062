import { compilePattern, isPattern } from './pattern.js';

/** Names are mostly few, but an application may make them up as it goes: what is remembered is bounded. */
const MAX_REMEMBERED = 10_000;

/** Names and patterns, and which event names any of them covers. */
export class PatternSet {
  readonly #names: ReadonlySet<string>;
  readonly #patterns: readonly ((name: string) => boolean)[];
  readonly #known = new Map<string, boolean>();

  /** @throws {EventConfigurationError} for a pattern that is none. */
  constructor(patterns: readonly string[]) {
    this.#names = new Set(patterns.filter((pattern) => !isPattern(pattern)));
    this.#patterns = patterns.filter(isPattern).map(compilePattern);
  }

  covers(name: string): boolean {
    let covered = this.#known.get(name);
    if (covered === undefined) {
      covered = this.#names.has(name) || this.#patterns.some((matches) => matches(name));
      if (this.#known.size >= MAX_REMEMBERED) this.#known.clear();
      this.#known.set(name, covered);
    }
    return covered;
  }
}
