import { runConformanceProcess } from 'nestjs-durable-events/testing';
import { sqlite } from '../sqlite.js';

runConformanceProcess(sqlite(() => process.env['CONFORMANCE_FOLDER']!));
