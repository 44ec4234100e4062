import { Logger } from '@nestjs/common';
import { runConformanceProcess } from 'nestjs-durable-events/testing';
import { kafka } from '../kafka.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const make = kafka(() => process.env['CONFORMANCE_KAFKA']!);
runConformanceProcess(make);
