import { type ClientProxy, type MqttContext, MqttRecordBuilder, ServerMqtt } from '@nestjs/microservices';
import type { Carrier } from '../carrier.js';
import { channelOf, reachOf, upTo } from '../channels.js';
import { OnceClientMqtt } from './mqtt-client.js';

/** What is used of the client. */
interface MqttClient {
  unsubscribeAsync(topic: string): Promise<unknown>;
  end(force: boolean): unknown;
}

/** Only with QoS 1 does a broker say that it has a message. */
const QOS = 1;
/** They notice a dead broker in seconds, and come back. */
const CONNECTION = { keepalive: 3, reconnectPeriod: 500, connectTimeout: 5000 };

/** Control characters are refused by brokers, and `#` does not cover what begins with a dollar sign. */
const RULES = { reserved: /[%+#\p{Cc}\uFFFE\uFFFF]|^\$/gu, maxBytes: 4096 };
const exact = (type: string) => channelOf(type, RULES);

/** MQTT with QoS 1. The processes of a service are a shared subscription. */
export const mqtt: Carrier = {
  name: 'MQTT',
  packages: [['mqtt']],
  shares: true,
  clientOptions: (options) => ({ ...CONNECTION, ...options }),
  serverOptions: (options) => ({ ...CONNECTION, subscribeOptions: { qos: QOS }, ...options }),
  makeClient: (options): ClientProxy => new OnceClientMqtt(options) as never,
  makeServer: (options) => new ServerMqtt(options),
  channelOf: exact,
  subscriptions(prefix, patterns, group) {
    const share = `$share/${channelOf(group, { ...RULES, reserved: /[%+#/\p{Cc}]/gu })}/`;
    // Its wildcards stand for whole levels between slashes, and the names of events are within one.
    const everything = () => upTo('/', prefix);
    return reachOf(patterns, (type) => prefix + exact(type), everything).map(
      ({ text, open }) => share + text + (open ? '#' : ''),
    );
  },
  channelFrom: (context) => (context as MqttContext).getTopic(),
  record: (payload) => new MqttRecordBuilder(payload).setQoS(QOS).build(),
  // The answer to whatever the server is asked comes after what it had sent.
  arrived: (server) => (server.unwrap() as MqttClient).unsubscribeAsync('nestjs-durable-events/none'),
  abort: (side) => void (side.unwrap() as MqttClient).end(true),
};
