import { MemoryEventStore } from 'nestjs-durable-events/store';
import { describeEventStore } from 'nestjs-durable-events/testing';

describeEventStore('MemoryEventStore', () => new MemoryEventStore());
