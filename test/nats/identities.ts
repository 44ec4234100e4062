import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nkeys } from '@nats-io/transport-node';

const UNLIMITED = {
  subs: -1,
  data: -1,
  payload: -1,
  conn: -1,
  leaf: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
};
const STORAGE = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

/** A server configuration with an operator and one account, and the credentials of a user of it. */
export function operatorMode(): { readonly config: string; readonly credentials: string } {
  const operator = nkeys.createOperator();
  const account = nkeys.createAccount();
  const user = nkeys.createUser();
  const sign = (issuer: nkeys.KeyPair, subject: nkeys.KeyPair, type: string, claims: object) => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const body = {
      jti: type,
      iat: Math.floor(Date.now() / 1000),
      iss: issuer.getPublicKey(),
      sub: subject.getPublicKey(),
      name: type,
      nats: { type, version: 2, ...claims },
    };
    const text = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(body)}`;
    return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString('base64url')}`;
  };
  const accountToken = sign(operator, account, 'account', { limits: { ...UNLIMITED, ...STORAGE } });
  const system = nkeys.createAccount();
  const systemToken = sign(operator, system, 'account', { limits: UNLIMITED });
  const config = [
    `operator: ${sign(operator, operator, 'operator', {})}`,
    `system_account: ${system.getPublicKey()}`,
    'resolver: MEMORY',
    `resolver_preload: { ${account.getPublicKey()}: ${accountToken}, ${system.getPublicKey()}: ${systemToken} }`,
  ].join('\n');
  const seed = new TextDecoder().decode(user.getSeed());
  const token = sign(account, user, 'user', { subs: -1, data: -1, payload: -1 });
  const credentials = [
    '-----BEGIN NATS USER JWT-----',
    token,
    '------END NATS USER JWT------',
    '',
    '-----BEGIN USER NKEY SEED-----',
    seed,
    '------END USER NKEY SEED------',
    '',
  ].join('\n');
  return { config, credentials };
}

/** A folder with a certificate for 127.0.0.1, signed by itself. */
export function certificate(): { readonly dir: string; readonly cert: string; readonly key: string } {
  const dir = mkdtempSync(join(tmpdir(), 'nats-tls-'));
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  const form = ['-newkey', 'rsa:2048', '-nodes', '-days', '2', '-out', cert, '-keyout', key];
  execFileSync('openssl', ['req', '-x509', ...form, ...subject], { stdio: 'pipe' });
  return { dir, cert, key };
}

/** A file with this text, in a folder of its own. */
export function fileWith(text: string): { readonly dir: string; readonly path: string } {
  const dir = mkdtempSync(join(tmpdir(), 'nats-file-'));
  const path = join(dir, 'user.creds');
  writeFileSync(path, text, { mode: 0o600 });
  return { dir, path };
}
