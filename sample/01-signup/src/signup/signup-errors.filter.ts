import { type ArgumentsHost, Catch, HttpException, HttpStatus } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import {
  EventBusClosedError,
  EventPublishError,
  EventValidationError,
  QueueFullError,
} from 'nestjs-durable-events';
import { SignupRefused } from './signup-refused.js';

const STATUS_OF_REFUSAL = { 'name-taken': HttpStatus.CONFLICT, 'too-many': HttpStatus.TOO_MANY_REQUESTS };

/** Says in HTTP why a sign-up was not accepted. */
@Catch(EventValidationError, SignupRefused, QueueFullError, EventPublishError, EventBusClosedError)
export class SignupErrorsFilter extends BaseExceptionFilter {
  override catch(error: Error, host: ArgumentsHost): void {
    super.catch(toHttp(error), host);
  }
}

function toHttp(error: Error): HttpException {
  if (error instanceof EventValidationError) {
    return answer(HttpStatus.BAD_REQUEST, 'The sign-up has fields that cannot be used.', {
      issues: error.issues,
    });
  }
  if (error instanceof SignupRefused) return answer(STATUS_OF_REFUSAL[error.reason], error.message);
  return answer(HttpStatus.SERVICE_UNAVAILABLE, 'Sign-ups cannot be accepted now. Try again in a moment.');
}

function answer(statusCode: HttpStatus, message: string, more: object = {}): HttpException {
  return new HttpException({ statusCode, message, ...more }, statusCode);
}
