import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { SASLOptions } from '@platformatic/kafka';
import { EventConfigurationError } from '../../errors.js';
import type { KafkaClient } from './client.js';

/** Host and port of a broker. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

/** How to reach Kafka. */
export interface KafkaConnectionOptions {
  /** `host:port` of some brokers; they tell of the others. The port is 9092 where it is left out. */
  readonly brokers: readonly string[];
  /** How we are named in the logs of the brokers. Default `nestjs-durable-events`. */
  readonly clientId?: string;
  /** For brokers that want a user: `mechanism` (`PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`, `OAUTHBEARER`) and its fields. */
  readonly sasl?: SASLOptions;
  /** TLS, with the options of Node; `true` for its defaults. Default: none. */
  readonly tls?: boolean | TlsOptions;
  /**
   * Where a broker is reached that says it is at this address, as through a tunnel or a forwarded port. Default: there.
   */
  readonly reach?: (broker: BrokerAddress) => BrokerAddress;
}

/**
 * A URL such as `kafka://user:password@localhost:9092` (`kafkas://` for TLS; several brokers with commas between; `user` by
 * SASL/PLAIN), or `localhost:9092` alone, options, or a client that stays the caller's and is never closed.
 */
export type KafkaConnectionOption = string | KafkaConnectionOptions | KafkaClient;

const URL_FORM = /^(?:(kafkas?):\/\/)?(?:([^:@/]*):([^@/]*)@)?([^@/]+)\/?$/;
const BROKER = /^[^\s:/@]+(:\d{1,5})?$|^\[[\da-f:]+\](:\d{1,5})?$/i;

export function isClient(option: KafkaConnectionOption): option is KafkaClient {
  return typeof option === 'object' && 'produce' in option && typeof option.produce === 'function';
}

/** @throws {EventConfigurationError} when it does not say which brokers there are. What it holds is not shown: it may be a password. */
export function connectionOf(option: string | KafkaConnectionOptions, user: string): KafkaConnectionOptions {
  const options = typeof option === 'string' ? optionsOfUrl(option) : option;
  if (Array.isArray(options?.brokers) && options.brokers.length > 0) {
    if (options.brokers.every((broker) => typeof broker === 'string' && BROKER.test(broker))) return options;
  }
  throw new EventConfigurationError(
    `Option 'connection' of ${user} names no brokers. Use one such as 'localhost:9092', 'kafka://user:password@host:9092' or { brokers: ['host:9092'] }.`,
  );
}

/** Brokers as they may be shown. */
export function brokersOf({ brokers }: KafkaConnectionOptions): string {
  return brokers.join(', ');
}

function optionsOfUrl(text: string): KafkaConnectionOptions | undefined {
  const [, scheme, username, password, hosts] = URL_FORM.exec(text.trim()) ?? [];
  if (hosts === undefined) return undefined;
  try {
    return {
      brokers: hosts.split(',').map((host) => host.trim()),
      ...(scheme === 'kafkas' && { tls: true }),
      ...(username !== undefined && {
        sasl: {
          mechanism: 'PLAIN' as const,
          username: decodeURIComponent(username),
          password: decodeURIComponent(password!),
        },
      }),
    };
  } catch {
    return undefined; // a percent sign that stands for nothing
  }
}
