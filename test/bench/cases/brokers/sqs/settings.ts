import type { SQSClientConfig } from '@aws-sdk/client-sqs';

/** For a server without accounts. */
export function settingsOf(endpoint: string): SQSClientConfig {
  const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' };
  return { endpoint, region: 'us-east-1', credentials };
}
