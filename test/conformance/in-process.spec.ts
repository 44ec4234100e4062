import { Logger } from '@nestjs/common';
import { MemoryBackend } from 'nestjs-durable-events';
import { describeBackend, RecordingBackend } from 'nestjs-durable-events/testing';
import { ArrayBackend, JsonArrayBackend } from './array-backend.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const memory = { delay: true, ordering: true, broadcast: true, redelivery: true, dedup: true, cancel: true };

describeBackend(() => new MemoryBackend(), memory, { name: 'MemoryBackend', concurrency: 10 });

describeBackend(() => new RecordingBackend(new MemoryBackend()), memory, {
  name: 'RecordingBackend around a MemoryBackend',
});

describeBackend(() => new ArrayBackend(), {}, { name: 'four methods around an array' });

describeBackend(() => new JsonArrayBackend(), {}, { name: 'four methods around an array of JSON' });
