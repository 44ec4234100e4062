/** Whom requests of the AWS SDK come from: ElasticMQ takes them from anybody. */
export const ANY_ACCOUNT = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'tests', secretAccessKey: 'tests' },
};
