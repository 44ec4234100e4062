import { Logger } from '@nestjs/common';
import { runConformanceProcess } from 'nestjs-durable-events/testing';
import { nats } from '../nats.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const make = nats(() => process.env['CONFORMANCE_NATS']!);
runConformanceProcess(make);
