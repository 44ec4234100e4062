import { MemoryInbox } from 'nestjs-durable-events';
import { describeInboxStore } from './inbox-contract.js';

describeInboxStore('MemoryInbox', { make: () => new MemoryInbox(), shared: false });
