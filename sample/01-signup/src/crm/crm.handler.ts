import { Injectable } from '@nestjs/common';
import { type HandlerContext, OnEvent } from 'nestjs-durable-events';
import { AfterSignup } from '../signup/signup.events.js';
import { ContactRefused, CrmClient } from './crm.client.js';

/** Last of what follows: nobody waits for it, and it fails now and then. */
@Injectable()
export class TellCrm {
  constructor(private readonly crm: CrmClient) {}

  @OnEvent(AfterSignup, {
    id: 'crm',
    timeoutMs: 5000,
    retry: {
      maxRetries: 4,
      initialBackoffMs: 200,
      jitter: 0.5,
      retryIf: (error) => !(error instanceof ContactRefused),
    },
  })
  async addContact({ id, data: { name, email } }: AfterSignup, { signal }: HandlerContext): Promise<void> {
    await this.crm.addContact({ id, name, email }, signal);
  }
}
