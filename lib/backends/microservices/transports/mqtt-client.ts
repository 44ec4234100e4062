import { ClientMqtt } from '@nestjs/microservices';

/** What is used of the client of MQTT.js. */
interface MqttClient {
  /** What was sent with QoS 1 and is not confirmed, by its number. */
  readonly outgoing: Readonly<Record<number, unknown>>;
  removeOutgoingMessage(id: number): unknown;
  on(event: 'close', listener: () => void): unknown;
}

/**
 * A client that sends nothing twice. When a connection is lost, MQTT.js keeps what was not confirmed for the next one; the
 * broker may have had it, and would bring it again.
 */
export class OnceClientMqtt extends ClientMqtt {
  override createClient(): ReturnType<ClientMqtt['createClient']> {
    const client = super.createClient();
    const sending = client as unknown as MqttClient;
    sending.on('close', () => {
      for (const id in sending.outgoing) sending.removeOutgoingMessage(Number(id)); // whoever waits for it is told
    });
    return client;
  }
}
