import { Module } from '@nestjs/common';
import { CountSignup } from './analytics.handler.js';
import { Analytics } from './analytics.js';

@Module({ providers: [Analytics, CountSignup], exports: [Analytics] })
export class AnalyticsModule {}
