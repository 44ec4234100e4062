import { Logger } from '@nestjs/common';
import { runConformanceProcess } from 'nestjs-durable-events/testing';
import { redisStreams } from '../redis-streams.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const make = redisStreams(() => process.env['CONFORMANCE_REDIS']!);
runConformanceProcess(make);
