import { Logger } from '@nestjs/common';
import { runConformanceProcess } from 'nestjs-durable-events/testing';
import { natsJetStream } from '../nats-jetstream.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const make = natsJetStream(() => process.env['CONFORMANCE_NATS']!);
runConformanceProcess(make);
