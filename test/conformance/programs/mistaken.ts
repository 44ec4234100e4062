import { Logger } from '@nestjs/common';
import { runConformanceProcess } from 'nestjs-durable-events/testing';
import { processMistakes } from '../mistakes/processes.js';
import { quickRedis } from '../mistakes/redis.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const url = () => process.env['CONFORMANCE_REDIS']!;
const mistakes = processMistakes(url, quickRedis(url));
runConformanceProcess(mistakes[process.env['MISTAKE']!]!.make);
