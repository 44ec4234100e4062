import { Logger } from '@nestjs/common';
import { runConformanceProcess } from 'nestjs-durable-events/testing';
import { rabbitMQ } from '../rabbitmq.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const make = rabbitMQ(() => process.env['CONFORMANCE_AMQP']!);
runConformanceProcess(make);
