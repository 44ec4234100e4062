import type { Carrier } from '../carrier.js';
import { EventConfigurationError } from '../../../errors.js';

/** A client and a server of the caller's, of which nothing is known. */
export const other: Carrier = {
  name: 'transport',
  packages: [],
  shares: false,
  clientOptions: (options) => options,
  serverOptions: (options) => options,
  makeServer() {
    throw new EventConfigurationError("MicroservicesBackend needs a 'server' to consume. Set it.");
  },
  channelOf: (type) => type,
  subscriptions(prefix, patterns) {
    const wild = patterns.find((pattern) => pattern.includes('*'));
    if (wild === undefined) return patterns.map((type) => prefix + type);
    throw new EventConfigurationError(
      `MicroservicesBackend cannot listen to '${wild}' over a transport that it does not know. Set 'transport' if it is one of Nest's, or name the events one by one.`,
    );
  },
  channelFrom: () => '',
};
