import { join } from 'node:path';
import type { ConformanceOptions } from 'nestjs-durable-events/testing';
import { forkProgram } from '../support/fork-program.js';
import type { TestServer } from '../support/services/private-server.js';
import type { TransportName } from './microservices.js';
import { type Broker, useBroker } from './use-broker.js';

const program = join(import.meta.dirname, 'programs/microservices.ts');

/** A broker for the cases of a file, and processes that use it by one of Nest's transports. */
export interface MicroservicesBroker extends Broker {
  /** What the kit may do to it. */
  readonly hooks: Broker['hooks'] & Pick<ConformanceOptions, 'fork'>;
}

/** @param external Variable with the URL of somebody's server, which is not ours to kill. */
export function useMicroservicesBroker(
  name: TransportName,
  start: () => Promise<TestServer>,
  external: string,
): MicroservicesBroker {
  const broker = useBroker({ start, external });
  const fork = () => forkProgram(program, { CONFORMANCE_TRANSPORT: name, CONFORMANCE_BROKER: broker.url });
  return Object.assign(broker, { hooks: { ...broker.hooks, fork } });
}
