export { KafkaBackend } from './backends/kafka/kafka-backend.js';
export type { KafkaOptions } from './backends/kafka/options.js';
export type * from './clients/kafka/client.js';
export { idOf, LostPartitionError } from './clients/kafka/client.js';
export type {
  BrokerAddress,
  KafkaConnectionOption,
  KafkaConnectionOptions,
} from './clients/kafka/connection-option.js';
export {
  PlatformaticClient,
  type PlatformaticClientOptions,
} from './clients/kafka/platformatic/platformatic-client.js';
