import { type ArgumentsHost, BadRequestException, Catch } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { EventConfigurationError } from 'nestjs-durable-events';

/** Here options come from the query, so one that cannot work is the fault of the request. */
@Catch(EventConfigurationError)
export class BadQueryFilter extends BaseExceptionFilter {
  override catch({ message }: EventConfigurationError, host: ArgumentsHost): void {
    super.catch(new BadRequestException(message), host);
  }
}
