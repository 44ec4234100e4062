import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { EventBus } from 'nestjs-durable-events';

@Controller('events')
export class EventsController {
  constructor(private readonly bus: EventBus) {}

  /** 503 when the backend is down, so that a load balancer understands it. */
  @Get('health')
  async health() {
    const health = await this.bus.health();
    if (health.status === 'down') throw new ServiceUnavailableException(health);
    return health;
  }

  @Get('stats')
  stats() {
    return this.bus.stats();
  }
}
