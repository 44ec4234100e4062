import { durable } from './brokers/kinds.js';
import { describeStorms } from './storm/describe-storms.js';

describeStorms(durable('microservices-rmq'));
