import { Module } from '@nestjs/common';
import { AnalyticsModule } from '../analytics/analytics.module.js';
import { CrmModule } from '../crm/crm.module.js';
import { SignupModule } from '../signup/signup.module.js';
import { WelcomeModule } from '../welcome/welcome.module.js';
import { DeadLettersController } from './dead-letters.controller.js';
import { EventsController } from './events.controller.js';
import { SignupReport } from './signup-report.js';
import { SignupsController } from './signups.controller.js';

/** Endpoints to look at what happened, and to repair what went wrong. */
@Module({
  imports: [SignupModule, WelcomeModule, AnalyticsModule, CrmModule],
  controllers: [SignupsController, EventsController, DeadLettersController],
  providers: [SignupReport],
  exports: [SignupReport],
})
export class OperationsModule {}
