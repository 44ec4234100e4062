import { MemoryDeadLetterStore } from 'nestjs-durable-events';
import { describeDeadLetterStore } from './dead-letter-contract.js';

describeDeadLetterStore('MemoryDeadLetterStore', { make: () => new MemoryDeadLetterStore(), shared: false });
