import { runConformanceProcess } from 'nestjs-durable-events/testing';
import { postgres } from '../postgres.js';

const { CONFORMANCE_POSTGRES: url, CONFORMANCE_SCHEMA: schema } = process.env;

runConformanceProcess(postgres(() => ({ url: url!, schema: schema! })));
