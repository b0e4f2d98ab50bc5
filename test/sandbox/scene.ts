import { startSandbox, type Sandbox, type SandboxOptions } from '../../sandbox/server';

export const ACCOUNT = 'a1';

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The parsed text. Undefined if the text is not JSON. */
  json: ReturnType<typeof JSON.parse>;
}

export interface Request {
  body?: unknown;
  account?: string;
  token?: string;
  headers?: Record<string, string>;
}

export interface Scene {
  sandbox: Sandbox;
  /** The ids of the connectors, in the order of the argument `connectors`. */
  ids: number[];
  id: number;
  token: string;
  /** Sends a request, by default with a valid token and the id of the scene's account. */
  call: (method: string, path: string, request?: Request) => Promise<Answer>;
  get: (below?: string) => Promise<Answer>;
  put: (body: unknown) => Promise<Answer>;
  /** Sets properties of the connector. */
  set: (properties: Record<string, string>) => Promise<Answer[]>;
}

const running: Sandbox[] = [];

/** Stops all sandboxes that `scene` has started. Call this function in `afterEach`. */
export async function stopAll(): Promise<void> {
  await Promise.all(running.splice(0).map((sandbox) => sandbox.close()));
}

/**
 * Starts a sandbox with one account, which has `connectors`. `get`, `put` and `set` send calls for the first of these
 * connectors.
 */
export async function scene(connectors: string[] = ['Brightdesk'], options?: SandboxOptions): Promise<Scene> {
  const sandbox = await startSandbox(options);
  running.push(sandbox);
  const ids = sandbox.createAccount(ACCOUNT, { connectors }).map(({ id }) => id);
  const id = ids[0] ?? 0;
  const token = (await mint(sandbox)).json.access_token;

  const call: Scene['call'] = (method, path, request = {}) =>
    send(sandbox, method, path, { ...request, headers: headersOf({ token, account: ACCOUNT, ...request }) });
  const path = `/v1.0/account/connectors/${id}`;
  return {
    sandbox,
    ids,
    id,
    token,
    call,
    get: (below = '') => call('GET', path + below),
    put: (body) => call('PUT', path, { body }),
    set: (properties) =>
      Promise.all(
        Object.entries(properties).map(([Name, Value]) =>
          call('POST', `${path}/properties`, { body: { Name, Value } }),
        ),
      ),
  };
}

/** Requests a bearer token, with some fields of the form changed. */
export function mint(sandbox: Sandbox, fields: Record<string, string> = {}): Promise<Answer> {
  const credentials = { client_id: sandbox.clientId, client_secret: sandbox.clientSecret };
  const form = new URLSearchParams({ grant_type: 'client_credentials', ...credentials, ...fields });
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return send(sandbox, 'POST', '/oauth/token', { headers, body: form.toString() });
}

/** Sends a request. A body that is no string is sent as JSON. */
export async function send(
  sandbox: { url: string },
  method: string,
  path: string,
  { body, headers = {} }: Pick<Request, 'body' | 'headers'> = {},
): Promise<Answer> {
  const isJson = body !== undefined && typeof body !== 'string';
  const response = await fetch(sandbox.url + path, {
    method,
    headers: isJson ? { 'content-type': 'application/json', ...headers } : headers,
    body: isJson ? JSON.stringify(body) : body,
    redirect: 'manual',
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: jsonIn(text) };
}

function headersOf({ token, account, headers }: Request): Record<string, string> {
  return {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(account !== undefined && { 'x-cyclr-account': account }),
    ...headers,
  };
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
