import { Injectable } from '@nestjs/common';
import { OnEvent } from 'nestjs-durable-events';
import { AfterSignup } from '../signup/signup.events.js';
import { Analytics } from './analytics.js';

@Injectable()
export class CountSignup {
  constructor(private readonly analytics: Analytics) {}

  @OnEvent(AfterSignup, { id: 'analytics', priority: 10 })
  async count({ id, data }: AfterSignup): Promise<void> {
    await this.analytics.count(id, data.email);
  }
}
