import { Injectable } from '@nestjs/common';
import { OnEvent } from 'nestjs-durable-events';
import { Accounts } from './accounts.js';
import { BeforeSignup } from './signup.events.js';
import { SignupRefused } from './signup-refused.js';

/** Claims the name, so that two who ask for it at once cannot both have it. */
@Injectable()
export class TakenName {
  constructor(private readonly accounts: Accounts) {}

  /** Last of all checks: nothing may refuse once the name is claimed. */
  @OnEvent(BeforeSignup, { id: 'taken-name', priority: -100 })
  async claim({ data, correlationId, createdAt }: BeforeSignup): Promise<void> {
    const claimed = await this.accounts.claim({
      id: correlationId,
      ...data,
      createdAt: createdAt.toISOString(),
    });
    if (!claimed)
      throw new SignupRefused('name-taken', `The name '${data.username}' is taken. Choose another one.`);
  }
}
