import { brokerTables } from './broker.js';

/** Through a server that speaks for SQS and keeps everything in memory: what the client side costs. */
export const sqs = brokerTables({
  group: 'sqs',
  broker: 'SQS (fauxqs)',
  server: 'sqs',
  ours: { transport: 'oursOnSqs', title: 'SqsBackend', part: 0.1 },
  others: [
    {
      transport: 'rawSqs',
      title: '@aws-sdk/client-sqs: SendMessage for each, ten loops that receive ten',
      part: 0.1,
      mark: { publish: { 100: 0.8 }, consume: 0.7, latencyP99Ms: 5 },
    },
  ],
});
