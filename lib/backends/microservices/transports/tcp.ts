import { type ClientProxy, ServerTCP, type TcpContext } from '@nestjs/microservices';
import { EMPTY, lastValueFrom } from 'rxjs';
import { catchError, defaultIfEmpty } from 'rxjs/operators';
import type { Carrier } from '../carrier.js';
import { CONFIRMATION } from '../packet.js';

/** From one process to another, without a broker. */
export const tcp: Carrier = {
  name: 'TCP',
  packages: [],
  shares: false,
  clientOptions: (options) => options,
  serverOptions: (options) => options,
  makeServer: (options) => new ServerTCP(options),
  channelOf: (type) => type,
  // Whatever comes over a connection is heard.
  subscriptions: () => [],
  channelFrom: (context) => (context as TcpContext).getPattern(),
  confirm,
};

/**
 * emit() resolves when the operating system has the event. A request behind it is answered when the other process has read
 * both: any Nest microservice answers that it has no handler for it.
 */
function confirm(client: ClientProxy): Promise<unknown> {
  const answer = client.send(CONFIRMATION, '').pipe(
    catchError((error: unknown) => {
      if (error instanceof Error) throw error; // the connection is lost
      return EMPTY;
    }),
    defaultIfEmpty(undefined),
  );
  return lastValueFrom(answer);
}
