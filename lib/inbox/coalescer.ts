import { AsyncResource } from 'node:async_hooks';
// Not the global, so that the fake timers of a test do not stop the inbox.
import { setImmediate } from 'node:timers';

interface Question<K, R> {
  readonly key: K;
  readonly resolve: (answer: R) => void;
  readonly reject: (error: unknown) => void;
}

/** Collects what is asked within one turn of the event loop, and asks it in one call. */
export class Coalescer<K, R> {
  #waiting: Question<K, R>[] = [];

  /** @param askAll Answers many questions, in order. */
  constructor(private readonly askAll: (keys: readonly K[]) => Promise<readonly R[]>) {}

  /** @throws (rejects with) what the call rejects with. */
  ask(key: K): Promise<R> {
    return new Promise((resolve, reject) => {
      const first = this.#waiting.push({ key, resolve, reject }) === 1;
      if (first) setImmediate(this.#flush);
    });
  }

  /** A call serves several events: it runs in the async context of none. */
  readonly #flush = AsyncResource.bind((): void => {
    const questions = this.#waiting;
    this.#waiting = [];
    this.askAll(questions.map(({ key }) => key)).then(
      (answers) => questions.forEach(({ resolve }, i) => resolve(answers[i]!)),
      (error: unknown) => questions.forEach(({ reject }) => reject(error)),
    );
  });
}
