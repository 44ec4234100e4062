import { Logger } from '@nestjs/common';
import { runConformanceProcess } from 'nestjs-durable-events/testing';
import { bullmq } from '../bullmq.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const make = bullmq(() => process.env['CONFORMANCE_REDIS']!);
runConformanceProcess(make);
