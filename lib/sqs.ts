export { SqsBackend } from './backends/sqs/sqs-backend.js';
export type { SqsOptions } from './backends/sqs/options.js';
export type { SnsConnectionOption, SqsConnectionOption } from './clients/aws/connection.js';
