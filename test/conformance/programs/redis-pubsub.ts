import { Logger } from '@nestjs/common';
import { runConformanceProcess } from 'nestjs-durable-events/testing';
import { redisPubSub } from '../redis-pubsub.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const make = redisPubSub(() => process.env['CONFORMANCE_REDIS']!);
runConformanceProcess(make);
