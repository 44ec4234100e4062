import { Logger } from '@nestjs/common';
import { runConformanceProcess } from 'nestjs-durable-events/testing';
import { microservices, type TransportName } from '../microservices.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const { CONFORMANCE_TRANSPORT: name, CONFORMANCE_BROKER: url } = process.env;

runConformanceProcess(microservices(name as TransportName, () => url!));
