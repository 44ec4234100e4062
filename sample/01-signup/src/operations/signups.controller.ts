import { Controller, Get } from '@nestjs/common';
import { SignupReport } from './signup-report.js';

@Controller('signups')
export class SignupsController {
  constructor(private readonly report: SignupReport) {}

  @Get()
  read() {
    return this.report.make();
  }
}
