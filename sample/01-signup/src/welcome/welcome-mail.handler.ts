import { Injectable } from '@nestjs/common';
import { OnEvent } from 'nestjs-durable-events';
import { AfterSignup } from '../signup/signup.events.js';
import { Outbox } from './outbox.js';

/** First of what follows: people wait for it. */
@Injectable()
export class WelcomeMail {
  constructor(private readonly outbox: Outbox) {}

  @OnEvent(AfterSignup, { id: 'welcome-mail', priority: 20 })
  async write({ id, data: { username, name, email }, createdAt }: AfterSignup): Promise<void> {
    await this.outbox.put(username, {
      from: { name: 'Sign-up sample', address: 'welcome@example.org' },
      to: { name, address: email },
      subject: `Welcome, ${name}`,
      date: createdAt,
      messageId: `${id}@example.org`,
      text: `Hello ${name},\n\nyour account '${username}' is ready.\n`,
    });
  }
}
