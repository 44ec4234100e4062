import { Logger } from '@nestjs/common';
import { runConformanceProcess } from 'nestjs-durable-events/testing';
import { sqs } from '../sqs.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const make = sqs(() => ({
  endpoint: process.env['CONFORMANCE_SQS']!,
  redis: process.env['CONFORMANCE_REDIS']!,
}));
runConformanceProcess(make);
