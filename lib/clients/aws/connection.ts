import type { SNSClient, SNSClientConfig } from '@aws-sdk/client-sns';
import type { SQSClient, SQSClientConfig } from '@aws-sdk/client-sqs';
import { EventConfigurationError } from '../../errors.js';

/**
 * How to reach SQS: the configuration of its client (region, credentials, endpoint, anything that it takes), a client,
 * which stays the caller's and is never closed, or an endpoint such as `http://localhost:9324`, for servers that stand
 * in for SQS. What is left out is found as the AWS SDK does: in the environment, shared files, roles.
 */
export type SqsConnectionOption = string | SQSClientConfig | SQSClient;

/** How to reach SNS, in the same ways. */
export type SnsConnectionOption = string | SNSClientConfig | SNSClient;

/** Where requests go that name no region, when an endpoint is given: servers that stand in for AWS have none. */
const ANY_REGION = 'us-east-1';

interface AwsClient {
  send: unknown;
  destroy(): void;
}

/** Whether it is a client, and not how to make one. */
export function isClient<C extends AwsClient>(option: C | object | string): option is C {
  return typeof option === 'object' && 'send' in option && typeof option.send === 'function';
}

/**
 * The configuration that an endpoint in a URL stands for; any other is left as it is.
 *
 * @throws {EventConfigurationError} when it is no URL.
 */
export function configOf<T extends object>(option: string | T, user: string): T {
  if (typeof option !== 'string') return option;
  let url: URL;
  try {
    url = new URL(option);
  } catch {
    throw notAnEndpoint(user); // it may hold a secret, so it is not shown
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw notAnEndpoint(user);
  const { username, password } = url;
  url.username = url.password = '';
  return {
    endpoint: url.href,
    region: process.env['AWS_REGION'] ?? ANY_REGION,
    ...(username !== '' && {
      credentials: {
        accessKeyId: decodeURIComponent(username),
        secretAccessKey: decodeURIComponent(password),
      },
    }),
  } as unknown as T;
}

function notAnEndpoint(user: string): EventConfigurationError {
  return new EventConfigurationError(
    `Option 'connection' of ${user} is a text, but not a URL of http or https. Use one such as 'http://localhost:9324', or the configuration of the AWS client.`,
  );
}
