import { Injectable } from '@nestjs/common';
import { OnEvent } from 'nestjs-durable-events';
import { Settings } from '../settings.js';
import { BeforeSignup } from './signup.events.js';
import { SignupRefused } from './signup-refused.js';

const MINUTE_MS = 60_000;

/** Counts the sign-ups of each client in the current minute. Those of a file have no client, and no limit. */
@Injectable()
export class RateLimit {
  #minute = 0;
  readonly #signups = new Map<string, number>();

  constructor(private readonly settings: Settings) {}

  /** Before the name is claimed: who is refused here must not keep a name from others. */
  @OnEvent(BeforeSignup, { id: 'rate-limit', priority: 20 })
  check({ metadata }: BeforeSignup): void {
    const client = metadata.custom?.['client'];
    if (typeof client !== 'string') return;
    const now = Date.now();
    this.#forgetBefore(Math.floor(now / MINUTE_MS));
    const signups = (this.#signups.get(client) ?? 0) + 1;
    if (signups > this.settings.signupsPerMinute) {
      const seconds = Math.ceil((MINUTE_MS - (now % MINUTE_MS)) / 1000);
      throw new SignupRefused(
        'too-many',
        `You may sign up ${this.settings.signupsPerMinute} times a minute. Try again in ${seconds} s.`,
      );
    }
    this.#signups.set(client, signups);
  }

  /** All counts end with their minute, so the clients of one minute are the most that is kept. */
  #forgetBefore(minute: number): void {
    if (minute === this.#minute) return;
    this.#minute = minute;
    this.#signups.clear();
  }
}
