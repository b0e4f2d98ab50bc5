import { once } from 'node:events';
import { createServer } from 'node:http2';
import { join } from 'node:path';
import { connect, connectAtOnce, temporalTarget } from '../../temporal/connection';
import { ConfigError, temporalEnvironment } from '../../temporal/environment';
import { connectNative } from '../../temporal/native-connection';
import { freePort } from '../../scripts/local/ports';
import { atEnd, temporaryFolder, write } from '../scripts/parts/scene';
import { certificate } from './secure-server';

test('without a server, connect fails after the time limit, and the error has the address and no API key', async () => {
  const address = `127.0.0.1:${await freePort()}`;
  const target = temporalTarget({
    TEMPORAL_ADDRESS: address,
    TEMPORAL_API_KEY: 'marked-secret',
    TEMPORAL_TLS: 'false',
  });
  const failures = await Promise.all(
    [connect, connectNative].map((way) => way(target, 500).catch((err: Error) => err)),
  );

  for (const failure of failures) {
    expect(failure).toMatchObject({ name: 'TemporalUnavailable' });
    expect(String(failure)).toContain(`Temporal at ${address} does not answer within 0.5 s`);
    expect(String(failure)).not.toContain('marked-secret');
  }
});

test('connectAtOnce fails at the first try if the port is closed or the host name is unknown', async () => {
  const closed = `127.0.0.1:${await freePort()}`;

  const failures = await Promise.all(
    [closed, 'no-such-host.invalid:7233'].map((address) =>
      connectAtOnce(temporalTarget({ TEMPORAL_ADDRESS: address })).catch((err: Error) => err),
    ),
  );

  expect(failures.map(String)).toEqual([
    expect.stringContaining(
      `Temporal at ${closed} does not run (the port is closed). Start it, or set TEMPORAL_ADDRESS`,
    ),
    expect.stringContaining('Temporal at no-such-host.invalid:7233 is not found (the host name is unknown).'),
  ]);
});

test('connect fails after one call if the server refuses the connection, and the error has the reason', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  let calls = 0;
  server.on('stream', (stream) => {
    calls++;
    const trailers = { 'grpc-status': '7', 'grpc-message': 'Request unauthorized.' };
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...trailers }, { endStream: true });
  });
  server.on('session', (session) => atEnd(() => session.destroy()));
  atEnd(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const connecting = connect(temporalTarget({ TEMPORAL_ADDRESS: `127.0.0.1:${port}` }));

  await expect(connecting).rejects.toThrow(
    `Temporal at 127.0.0.1:${port} refuses the connection (Request unauthorized.)`,
  );
  expect(calls).toBe(1);
});

test('without settings, temporalTarget returns localhost:7233 and the namespace default', () => {
  const TEMPORAL_CONFIG_FILE = write(join(temporaryFolder(), 'temporal.toml'), '[profile.default]\n');

  expect(temporalTarget({ TEMPORAL_CONFIG_FILE })).toMatchObject({ address: 'localhost:7233', namespace: 'default' });
});

test('temporalTarget uses the server of a profile, and a variable overrides the profile', () => {
  const profile = '[profile.away]\naddress = "away:7233"\nnamespace = "flows"\napi_key = "k"\n';
  const TEMPORAL_CONFIG_FILE = write(join(temporaryFolder(), 'temporal.toml'), profile);
  const env = { TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE: 'away' };

  expect(temporalTarget(env)).toMatchObject({
    address: 'away:7233',
    namespace: 'flows',
    connectionOptions: { tls: true },
  });
  expect(temporalTarget({ ...env, TEMPORAL_ADDRESS: 'near:1' })).toMatchObject({
    address: 'near:1',
    namespace: 'flows',
  });
});

test('the error of temporalTarget for an unreadable profile does not quote the profile', () => {
  const broken = '[profile.default]\napi_key = "marked-secret\n';
  const TEMPORAL_CONFIG_FILE = write(join(temporaryFolder(), 'temporal.toml'), broken);

  const reading = () => temporalTarget({ TEMPORAL_CONFIG_FILE });

  expect(reading).toThrow(/TEMPORAL_CONFIG_FILE/);
  expect(reading).not.toThrow(/marked-secret/);
});

test('temporalTarget takes the API key from TEMPORAL_API_KEY_FILE', () => {
  const TEMPORAL_API_KEY_FILE = write(join(temporaryFolder(), 'key'), 'hunter2\n');

  const target = temporalTarget({ TEMPORAL_API_KEY_FILE });

  expect(target.connectionOptions).toMatchObject({ apiKey: 'hunter2', tls: true });
  expect(() => temporalTarget({ TEMPORAL_API_KEY_FILE, TEMPORAL_API_KEY: 'k' })).toThrow(/are both set/);
});

test('temporalTarget reads an empty TEMPORAL_* variable as not set', () => {
  const names = Object.keys(temporalEnvironment.shape);
  const env = Object.fromEntries([...names, 'TEMPORAL_TLS_CLIENT_CERT_DATA'].map((name) => [name, '']));

  expect(temporalTarget({ ...env, HOME: temporaryFolder() })).toMatchObject({
    address: 'localhost:7233',
    namespace: 'default',
    connectionOptions: { apiKey: undefined, tls: undefined },
  });
});

test.each([
  ['TEMPORAL_TLS_CLIENT_CERT_PATH', '/nowhere/marked.pem', 'is not the path of a file that can be read (ENOENT)'],
  ['TEMPORAL_TLS_CLIENT_KEY_PATH', '/tmp', 'is not the path of a file that can be read (EISDIR)'],
  ['TEMPORAL_TLS_SERVER_CA_CERT_PATH', '/dev/null', 'is the path of an empty file'],
  ['TEMPORAL_TLS', 'yes', 'is neither true nor false'],
])('the error of temporalTarget for %s=%s names the variable', (name, value, fault) => {
  const reading = () => temporalTarget({ [name]: value });

  expect(reading).toThrow(new ConfigError(`${name} ${fault}`));
});

test.each<[string, NodeJS.ProcessEnv, string]>([
  ['a key without its certificate', { TEMPORAL_TLS_CLIENT_KEY_PATH: certificate('client-1.key') }, 'set both'],
  [
    'the key of another certificate',
    {
      TEMPORAL_TLS_CLIENT_CERT_PATH: certificate('client-1.pem'),
      TEMPORAL_TLS_CLIENT_KEY_PATH: certificate('client-2.key'),
    },
    "can't be used: key values mismatch",
  ],
  [
    'a certificate that is no PEM file',
    { TEMPORAL_TLS_CLIENT_CERT_PATH: __filename, TEMPORAL_TLS_CLIENT_KEY_PATH: certificate('client-1.key') },
    "can't be used: no start line",
  ],
])('temporalTarget refuses %s', (_name, env, reason) => {
  const reading = () => temporalTarget({ ...env, HOME: temporaryFolder() });

  expect(reading).toThrow(ConfigError);
  expect(reading).toThrow(reason);
});

test('temporalTarget ignores certificates if TLS is off', () => {
  const TEMPORAL_TLS_CLIENT_KEY_PATH = certificate('client-1.key');

  const target = temporalTarget({ TEMPORAL_TLS: 'false', TEMPORAL_TLS_CLIENT_KEY_PATH, HOME: temporaryFolder() });

  expect(target.connectionOptions.tls).toBe(false);
});
