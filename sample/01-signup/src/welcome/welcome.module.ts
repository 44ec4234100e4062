import { Module } from '@nestjs/common';
import { Outbox } from './outbox.js';
import { WelcomeMail } from './welcome-mail.handler.js';

@Module({ providers: [Outbox, WelcomeMail], exports: [Outbox] })
export class WelcomeModule {}
