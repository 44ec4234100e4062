import { Injectable } from '@nestjs/common';
import { EventBus, uuidv7 } from 'nestjs-durable-events';
import type { z } from 'zod';
import { Accounts } from './accounts.js';
import { AfterSignup, BeforeSignup, type signupSchema } from './signup.events.js';

type Signup = z.input<typeof signupSchema>;

/** Accepts sign-ups, from wherever they come. */
@Injectable()
export class SignupService {
  constructor(
    private readonly bus: EventBus,
    private readonly accounts: Accounts,
  ) {}

  /**
   * Resolves once everything that follows from the sign-up is certain to happen.
   *
   * @param candidate What somebody sent: the schema of the events checks it.
   * @param client Whom to count the sign-up to. Without one there is no limit.
   * @returns The id of the account.
   * @throws {EventValidationError} naming every bad field.
   * @throws {SignupRefused} when a handler of `before:signup` says no.
   * @throws {EventPublishError} @throws {QueueFullError} when it cannot be accepted now: the name is free again.
   */
  async accept(candidate: unknown, client?: string): Promise<string> {
    const id = uuidv7();
    const signup = candidate as Signup;
    const metadata = client === undefined ? undefined : { custom: { client } };
    await this.bus.emitSync(BeforeSignup, signup, { correlationId: id, metadata });
    try {
      await this.bus.emitAsync(AfterSignup, signup, { id });
    } catch (error) {
      // The backend may have it all the same. Two welcomes are better than a person who never gets in.
      await this.accounts.release(signup.username);
      throw error;
    }
    return id;
  }
}
