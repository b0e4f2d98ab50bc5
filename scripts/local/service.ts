/** The onboarding service of `npm start`, and the keys that it is given. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf } from '../../client/http/api-key';
import { readKeySet } from '../../sealing/key-file';
import { keySetOf, publicHalf } from '../../sealing/keys';
import { isFree } from './ports';
import { postJson } from '../post-json';
import { answers, startProcess, untilReady, type OwnProcess } from './processes';

/** Where it is, and a key to call it with. */
export interface RunningService {
  url: string;
  apiKey: string;
}

interface Options {
  folder: string;
  logFolder: string;
  port: number;
  /** The private JWK set, or the path of its file: the service is given the public half. */
  sealingKeys: string;
  env: NodeJS.ProcessEnv;
}

/** Starts it and waits until it answers. Fails where its port is taken, and where it does not start. */
export async function startService(options: Options): Promise<RunningService & { process: OwnProcess }> {
  const { folder, logFolder, port } = options;
  if (!(await isFree(port)))
    throw new Error(
      `Port ${port} of 127.0.0.1 is taken, which the service needs. Stop what listens there, or set PORT to another port.`,
    );
  const { apiKey, sessionKeys } = keptServiceKeys(join(folder, 'service.json'));
  const sealingKeys = await readKeySet(options.sealingKeys);
  const env = { ...options.env, ...(await serviceEnv({ port, apiKey, sessionKeys, sealingKeys })) };
  const service = await startProcess({ name: 'service', main: 'service/main.js', env, logFolder });
  const url = `http://127.0.0.1:${port}`;
  await untilReady(service, () => answers(`${url}/readyz`)).catch(async (err: unknown) => {
    await service.stop();
    throw err;
  });
  return { url, apiKey, process: service };
}

interface SessionKeySet {
  keys: { kty: 'oct'; k: string }[];
}

interface ServiceKeys {
  apiKey: string;
  sessionKeys: SessionKeySet;
}

const random = () => randomBytes(32).toString('base64url');

/** A set of one key, to sign sessions with. */
export const newSessionKeys = (): SessionKeySet => ({ keys: [{ kty: 'oct', k: random() }] });

/** The variables by which a service is given its port and its keys; `sealingKeys` is the workers' private JWK set. */
export async function serviceEnv({
  port,
  apiKey,
  sessionKeys = newSessionKeys(),
  sealingKeys,
}: {
  port: number;
  apiKey: string;
  sessionKeys?: SessionKeySet;
  sealingKeys: string;
}) {
  return {
    PORT: `${port}`,
    SERVICE_API_KEYS: digestOf(apiKey),
    SESSION_KEYS: JSON.stringify(sessionKeys),
    SEALING_KEYS: JSON.stringify(publicHalf(await keySetOf(sealingKeys))),
  };
}

/** In a file that only its owner reads; made at first use, kept from then on. */
function keptServiceKeys(file: string): ServiceKeys {
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as ServiceKeys;
  const keys: ServiceKeys = { apiKey: random(), sessionKeys: newSessionKeys() };
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(keys, undefined, 2), { mode: 0o600 });
  renameSync(draft, file);
  return keys;
}

/** A session, as a backend gets one for its user: its token, and the link to the connect page. */
export async function mintSession(
  { url, apiKey }: RunningService,
  session: object,
): Promise<{ token: string; url: string }> {
  const minted = await postJson(`${url}/v1/sessions`, session, { Authorization: `Bearer ${apiKey}` });
  return minted as { token: string; url: string };
}
