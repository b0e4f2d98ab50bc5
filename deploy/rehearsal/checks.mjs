/** Steps that examine the running stack. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import {
  API_KEY,
  authenticate,
  compose,
  container,
  createSession,
  docker,
  passwordFile,
  repository,
  run,
  SANDBOX_URL,
  secretFile,
  SERVICE_URL,
} from './stack.mjs';

/**
 * Checks that deploy/temporal/with-password.sh refuses some passwords and accepts all other passwords, and that Compose
 * needs the password file.
 */
export async function checkPasswords() {
  for (const password of ['two words', 'quo"te', 'back\\slash', 'ümlaut', ''])
    await assert.rejects(shown(password), /POSTGRES_PASSWORD_FILE/);
  const good = await docker('run', '--rm', '-v', `${passwordFile}:/good`, 'alpine:stand-in', 'cat', '/good');
  assert.equal(await shown(good), good);
  await assert.rejects(compose(['config'], { POSTGRES_PASSWORD_FILE: '' }, '/dev/null'), /POSTGRES_PASSWORD_FILE/);
}

function shown(password) {
  const mounts = [
    ...['-v', `${join(repository, 'deploy/temporal')}:/scripts:ro`],
    ...['-v', `${secretFile('tried-password', password)}:/run/secrets/postgres-password:ro`],
  ];
  const command = ['/scripts/with-password.sh', 'PASSWORD', 'sh', '-c', 'printf %s "$PASSWORD"'];
  return docker('run', '--rm', '--user', '1000', ...mounts, 'alpine:stand-in', 'sh', ...command);
}

/** Checks that every container has a read-only root, limits, and only the listed capabilities. */
export async function checkHardening() {
  const ids = (await compose(['ps', '-a', '-q'])).split('\n');
  const containers = JSON.parse(await docker('inspect', ...ids));
  assert.ok(containers.length >= 10, `${containers.length} containers`);
  for (const { Name, HostConfig } of containers) {
    assert.ok(HostConfig.ReadonlyRootfs, `${Name}: the root is writable`);
    assert.deepEqual(HostConfig.CapDrop, ['ALL'], Name);
    assert.deepEqual(HostConfig.SecurityOpt, ['no-new-privileges:true'], Name);
    assert.ok(HostConfig.Memory > 0 && HostConfig.PidsLimit > 0, `${Name}: no limits`);
    assert.ok(HostConfig.LogConfig.Config['max-size'], `${Name}: no limit of its log`);
  }
  const keys = await inside('sandbox-service', 'sh', '-c', 'cat /keys/*');
  assert.match(keys, /"x"/);
  assert.doesNotMatch(keys, /"d"/, 'the service has a private key');
  return `${containers.length} containers`;
}

const inside = (service, ...command) => compose(['exec', '-T', service, ...command]);

/** Checks that a container does not find the name of a host in another network. */
export async function checkNetworks() {
  const finds = (service, host) =>
    inside(service, 'node', '-e', `require('dns').promises.lookup('${host}').catch(() => process.exit(3))`);
  for (const service of ['sandbox-worker', 'sandbox-service']) {
    await finds(service, 'temporal');
    await assert.rejects(finds(service, 'postgresql'), `${service} finds postgresql`);
  }
  await assert.rejects(finds('sandbox', 'temporal'), 'the sandbox finds temporal');
}

/**
 * Runs the demo against the stack of the rehearsal. The demo finds this stack by a stack file like the one that npm
 * start writes.
 */
export async function playDemo() {
  const folder = join(repository, '.data');
  const file = join(folder, 'running.json');
  mkdirSync(folder, { recursive: true });
  const stack = {
    pid: process.pid,
    temporal: { address: '127.0.0.1:7233', namespace: 'default' },
    cyclr: { url: SANDBOX_URL, sandbox: true },
    sealingKeys: await inside('sandbox-service', 'cat', '/keys/public.json'),
    service: { url: SERVICE_URL, apiKey: API_KEY },
  };
  writeFileSync(file, JSON.stringify(stack), { flag: 'wx' });
  try {
    const output = await run(process.execPath, ['scripts/run.mjs', 'demo']);
    return output.split('\n').find((line) => line.includes('ended as expected'));
  } finally {
    rmSync(file);
  }
}

const HTTPS_PORT = 8443;

/** Checks that the proxy forwards each event of a stream at once, and not only when the stream ends. */
export async function checkProxy(waiting) {
  const ports = { PUBLIC_HOST: 'localhost', HTTP_PORT: '8000', HTTPS_PORT: `${HTTPS_PORT}` };
  await compose(['up', '-d', '--no-build', 'proxy'], {
    ...ports,
    CYCLR_CONNECT_IMAGE: 'cyclr-connect:new',
    COMPOSE_PROFILES: 'sandbox,proxy',
  });
  const key = waiting.shift();
  const { token } = await createSession(key.accountId, [key.connectorId]);
  const stream = await openStream(token);
  let text = '';
  let isSent = false;
  for await (const chunk of stream) {
    text += chunk;
    if (!isSent && text.includes('"state":"awaitingCredentials"')) {
      isSent = true;
      await authenticate(key);
    }
    if (text.includes('"state":"authenticated"')) break;
  }
  assert.match(text, /"state":"awaitingCredentials"[^]*"state":"authenticated"/);
}

/**
 * Opens the stream of a session. The proxy gets its certificate a moment after its start, so this function repeats the
 * call.
 */
async function openStream(token) {
  const options = { headers: { Authorization: `Bearer ${token}` }, rejectUnauthorized: false };
  for (let tries = 0; ; tries++)
    try {
      return await new Promise((resolve, reject) => {
        const url = `https://localhost:${HTTPS_PORT}/v1/session/events`;
        request(url, options, (response) =>
          response.statusCode === 200
            ? resolve(response.setEncoding('utf8'))
            : reject(new Error(`${response.statusCode}`)),
        )
          .on('error', reject)
          .end();
      });
    } catch (error) {
      if (tries === 60) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
}

const WEBHOOKS = `other:
  url: https://other.example.com
  secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw]
`;

/**
 * Checks that worker and service become healthy with the settings for a real Cyclr and with all secrets as files. Also
 * checks that no environment of a container has a secret.
 */
export async function checkSecretFiles() {
  const key = async (service, name) => inside(service, 'cat', `/keys/${name}.json`);
  const env = {
    CYCLR_CONNECT_IMAGE: 'cyclr-connect:new',
    SERVICE_PORT: '8090',
    CYCLR_API_URL: 'https://api.example.com',
    CYCLR_SERVICE_URL: 'https://company.example.com',
    CYCLR_CLIENT_ID: 'client',
    PUBLIC_URL: 'https://connect.example.com',
    CYCLR_CLIENT_SECRET_FILE: secretFile('client-secret', 'marked-secret'),
    WEBHOOK_URL: 'https://hooks.example.com',
    WEBHOOK_SECRETS_FILE: secretFile('webhook-secrets', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'),
    WEBHOOKS: secretFile('webhooks.yaml', WEBHOOKS),
    CONNECTOR_POLICIES: secretFile(
      'policies.yaml',
      readFileSync(join(repository, 'docs/policies.example.yaml'), 'utf8'),
    ),
    SERVICE_API_KEYS_FILE: secretFile('api-keys', '524ace5675cc5988dbf8584b4e1913507bfe210742c583df01ad7ad3c2399159'),
    SEALING_KEYS_FILE: secretFile('private.json', await key('sandbox-worker', 'private')),
    PUBLIC_SEALING_KEYS_FILE: secretFile('public.json', await key('sandbox-service', 'public')),
    SESSION_KEYS_FILE: secretFile('session.json', await key('sandbox-service', 'session')),
  };
  await compose(['up', '-d', '--no-build', '--wait', '--wait-timeout', '300', 'worker', 'service'], env, '/dev/null');
  const inspected = await docker(
    'inspect',
    container('worker'),
    container('service'),
    container('postgresql'),
    container('temporal'),
  );
  assert.doesNotMatch(inspected, /marked-secret|whsec_|"kty|POSTGRES_PASSWORD=|POSTGRES_PWD=/);
}
