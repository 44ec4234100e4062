export { MicroservicesBackend } from './backends/microservices/microservices-backend.js';
export type {
  CommonOptions as MicroservicesCommonOptions,
  MicroservicesOptions,
  TransportChoice,
} from './backends/microservices/options.js';
export type { ListeningServer } from './backends/microservices/carrier.js';
export type { PayloadKind } from './backends/microservices/packet.js';
export { EventsContext } from './backends/microservices/events-context.js';
export {
  EVENTS_TRANSPORT,
  EventsTransport,
  type EventsTransportOptions,
} from './backends/microservices/events-transport.js';
export { RethrowFilter } from './backends/microservices/rethrow-filter.js';
