export { NatsBackend } from './backends/nats/nats-backend.js';
export type { NatsOptions } from './backends/nats/options.js';
export { NatsJetStreamBackend } from './backends/nats-jetstream/nats-jetstream-backend.js';
export type { NatsJetStreamOptions } from './backends/nats-jetstream/options.js';
export type { NatsClientOptions, NatsConnectionOption } from './clients/nats/connection.js';
