import { type DynamicModule, Global, Module } from '@nestjs/common';
import { type EventBackend, EventsModule } from 'nestjs-durable-events';
import { AnalyticsModule } from './analytics/analytics.module.js';
import { CrmModule } from './crm/crm.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { Settings } from './settings.js';
import { SignupModule } from './signup/signup.module.js';
import { WelcomeModule } from './welcome/welcome.module.js';

@Global()
@Module({})
class SettingsModule {}

@Module({})
export class AppModule {
  static with(settings: Settings, backend: EventBackend): DynamicModule {
    return {
      module: AppModule,
      imports: [
        {
          module: SettingsModule,
          providers: [{ provide: Settings, useValue: settings }],
          exports: [Settings],
        },
        EventsModule.forRoot({ source: 'signup', backend }),
        SignupModule,
        WelcomeModule,
        AnalyticsModule,
        CrmModule,
        OperationsModule,
      ],
    };
  }
}
