import { BadRequestException, Catch, ConflictException } from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import type { ArgumentsHost } from '@nestjs/common';
import { EventValidationError, StreamConflictError } from 'nestjs-durable-events';
import { WrongStatus } from './order.js';

/** Answers 400 to data that is wrong, and 409 to what cannot happen to the order now. */
@Catch(EventValidationError, WrongStatus, StreamConflictError)
export class OrderErrors extends BaseExceptionFilter {
  constructor({ httpAdapter }: HttpAdapterHost) {
    super(httpAdapter);
  }

  override catch(error: Error, host: ArgumentsHost): void {
    const Answer = error instanceof EventValidationError ? BadRequestException : ConflictException;
    super.catch(new Answer(error.message), host);
  }
}
