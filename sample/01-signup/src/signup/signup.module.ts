import { Module } from '@nestjs/common';
import { Accounts } from './accounts.js';
import { RateLimit } from './rate-limit.handler.js';
import { SignupController } from './signup.controller.js';
import { SignupService } from './signup.service.js';
import { TakenName } from './taken-name.handler.js';

@Module({
  controllers: [SignupController],
  providers: [SignupService, Accounts, RateLimit, TakenName],
  exports: [SignupService, Accounts],
})
export class SignupModule {}
