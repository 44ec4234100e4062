export { BullMQBackend } from './backends/bullmq/bullmq-backend.js';
export type { BullMQOptions, KeepFinished } from './backends/bullmq/options.js';
export type { EventQueueOptions, EventWorkerOptions } from './backends/bullmq/bullmq-options.js';
export type { EventJobOptions, EventJobOptionsSource } from './backends/bullmq/job-options.js';
export type { RedisConnectionOption } from './clients/redis/connection.js';
