import { Module } from '@nestjs/common';
import { CrmClient } from './crm.client.js';
import { TellCrm } from './crm.handler.js';

@Module({ providers: [CrmClient, TellCrm], exports: [CrmClient] })
export class CrmModule {}
