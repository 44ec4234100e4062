import { ClientRedis, ServerRedis } from '@nestjs/microservices';
import type { Redis } from 'ioredis';
import { hideCredentials } from '../../../clients/redis/credentials.js';

/** Nest logs the errors of its clients with all that they carry: here without the password. */
export class DiscreetClientRedis extends ClientRedis {
  override registerErrorListener(client: Redis): void {
    client.on('error', hideCredentials);
    super.registerErrorListener(client);
  }
}

/** The same for the side that listens. */
export class DiscreetServerRedis extends ServerRedis {
  override registerErrorListener(client: Redis): void {
    client.on('error', hideCredentials);
    super.registerErrorListener(client);
  }
}
