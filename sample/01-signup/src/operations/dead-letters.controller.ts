import {
  ConflictException,
  Controller,
  DefaultValuePipe,
  Delete,
  Get,
  HttpCode,
  HttpStatus,
  NotFoundException,
  Param,
  ParseIntPipe,
  Post,
  Query,
  UseFilters,
} from '@nestjs/common';
import { type DeadLetterActionResult, EventBus } from 'nestjs-durable-events';
import { BadQueryFilter } from './bad-query.filter.js';

@Controller('dead-letters')
@UseFilters(BadQueryFilter)
export class DeadLettersController {
  constructor(private readonly bus: EventBus) {}

  @Get()
  list(
    @Query('limit', new DefaultValuePipe(100), ParseIntPipe) limit: number,
    @Query('cursor') cursor?: string,
    @Query('handlerId') handlerId?: string,
  ) {
    return this.bus.deadLetters.list({ limit, cursor, handlerId });
  }

  /** Hands the event back to the handler that failed. */
  @Post(':id/retry')
  @HttpCode(HttpStatus.ACCEPTED)
  async retry(@Param('id') id: string) {
    return this.#orExplain(id, await this.bus.deadLetters.retry(id));
  }

  @Delete(':id')
  async discard(@Param('id') id: string, @Query('reason') reason?: string) {
    return this.#orExplain(id, await this.bus.deadLetters.discard(id, reason));
  }

  async #orExplain(id: string, result: DeadLetterActionResult): Promise<DeadLetterActionResult> {
    if (result.count > 0) return result;
    const entry = await this.bus.deadLetters.get(id);
    if (entry === undefined) throw new NotFoundException(`There is no dead letter '${id}'.`);
    throw new ConflictException(`Dead letter '${id}' is ${entry.status}; only a dead one can be acted on.`);
  }
}
