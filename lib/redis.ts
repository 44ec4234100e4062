export { RedisPubSubBackend } from './backends/redis-pubsub/redis-pubsub-backend.js';
export type { RedisPubSubOptions } from './backends/redis-pubsub/options.js';
export { RedisStreamsBackend } from './backends/redis-streams/redis-streams-backend.js';
export type { RedisStreamsOptions } from './backends/redis-streams/options.js';
export { RedisEventStore } from './store/redis/redis-event-store.js';
export type { RedisEventStoreOptions } from './store/redis/options.js';
export type { RedisConnectionOption } from './clients/redis/connection.js';
export {
  type RedisDeadLetterOptions,
  RedisDeadLetterStore,
} from './dead-letters/redis/redis-dead-letter-store.js';
export { RedisInbox, type RedisInboxOptions } from './inbox/redis/redis-inbox.js';
