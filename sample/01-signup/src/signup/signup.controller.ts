import { Body, Controller, HttpCode, HttpStatus, Ip, Post, UseFilters } from '@nestjs/common';
import { SignupErrorsFilter } from './signup-errors.filter.js';
import { SignupService } from './signup.service.js';

@Controller('signup')
@UseFilters(SignupErrorsFilter)
export class SignupController {
  constructor(private readonly signups: SignupService) {}

  /** Accepted, not done: the mail and the rest follow. */
  @Post()
  @HttpCode(HttpStatus.ACCEPTED)
  async signup(@Body() body: unknown, @Ip() client: string): Promise<{ id: string }> {
    return { id: await this.signups.accept(body, client) };
  }
}
