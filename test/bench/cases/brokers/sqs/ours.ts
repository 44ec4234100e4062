import { SqsBackend } from 'nestjs-durable-events/sqs';
import { nestTransport } from '../nest-application.js';
import { settingsOf } from './settings.js';

const CONCURRENCY = 100;

/** Through a queue of the group. */
export const oursOnSqs = nestTransport({
  backend: ({ url, namespace }) =>
    new SqsBackend({
      connection: settingsOf(url),
      namespace,
      group: 'bench',
      concurrency: CONCURRENCY,
      waitTimeSeconds: 1,
    }),
});
