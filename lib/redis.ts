export { RedisStreamsBackend } from './backends/redis-streams/redis-streams-backend.js';
export type { RedisConnectionOption, RedisStreamsOptions } from './backends/redis-streams/options.js';
