import { Logger } from '@nestjs/common';
import { describeBackend } from 'nestjs-durable-events/testing';
import { freePort } from '../support/free-port.js';
import { maxEventBytes, microservices } from './microservices.js';

Logger.overrideLogger(false); // the failures of the cases are meant

describeBackend(
  // Each listens on a port of its own and emits to itself: there is nobody in between.
  async (context) => {
    const port = await freePort();
    return microservices('tcp', () => `tcp://127.0.0.1:${port}`)(context);
  },
  { retains: false, maxEventBytes },
  { name: 'MicroservicesBackend on TCP', timeoutMs: 10_000 },
);
