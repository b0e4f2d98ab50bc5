/** The transports of a user's inputs to a flow: the library, signals, or the service by HTTP. */
import type { Client } from '@temporalio/client';
import type { ConnectorAuth } from '../../client/connector-auth';
import { ConnectorAuthError, translated, type ConnectorAuthErrorCode } from '../../client/connector-auth-error';
import type { SealingKey } from '../../sealing/keys';
import { seal, type Binding } from '../../sealing/seal';
import { jsonOf, workflowIdOf, type ConnectorKey, type Sealed } from '../../workflows/connector';
import type { CredentialInput, Credentials, Input, PropertyInput } from '../../workflows/input';
import type { View } from '../../workflows/view';

/** The values of one submission, in clear, with its id. */
export interface PropertySubmission {
  submissionId: string;
  values: { readonly [name: string]: string };
  /** The names of the values to seal. */
  secrets: readonly string[];
}

export interface CredentialSubmission {
  submissionId: string;
  credentials: Credentials;
}

export type StartOptions = Pick<Input, 'intent' | 'patience'>;

export interface ConsentLink {
  url: string;
  attemptId?: string;
}

/**
 * Sends the inputs of a user. The caller can safely repeat a call with the same arguments, because a submission has its
 * effect only once. A method returns the view after Cyclr accepted or refused the input. If the transport gets no
 * answers, the method returns nothing.
 */
export interface Transport {
  start(key: ConnectorKey, options?: StartOptions): Promise<{ runId: string }>;
  view(key: ConnectorKey): Promise<View>;
  submitProperties(key: ConnectorKey, submission: PropertySubmission): Promise<View | void>;
  submitCredentials(key: ConnectorKey, submission: CredentialSubmission): Promise<View | void>;
  /** Requests a new link to the third party's consent. */
  requestLink(key: ConnectorKey): Promise<ConsentLink>;
  /**
   * Reports that the browser has returned from the third party. `location`: the address to which Cyclr redirected the
   * browser.
   */
  returnFromConsent(key: ConnectorKey, link: ConsentLink, location?: string): Promise<View | void>;
}

/** Seals one value. {@link sealerOf} makes the usual function. A test of mistakes uses another function. */
export type Sealer = (text: string, binding: Binding) => Promise<Sealed>;

export const sealerOf =
  (publicKey: SealingKey): Sealer =>
  (text, binding) =>
    seal(text, binding, publicKey);

/** Returns a submission of properties as Temporal gets it: the values in `secrets` are sealed. */
export async function propertyInputOf(
  sealer: Sealer,
  key: ConnectorKey,
  { submissionId, values, secrets }: PropertySubmission,
): Promise<PropertyInput> {
  const entries = Object.entries(values).map(async ([name, value]) => {
    const binding = { ...key, purpose: `property:${name}`, submissionId } as const;
    return [name, secrets.includes(name) ? await sealer(value, binding) : value] as const;
  });
  return { submissionId, values: Object.fromEntries(await Promise.all(entries)) };
}

/** Returns a submission of credentials as Temporal gets it: the credentials are sealed. */
export const credentialInputOf = async (
  sealer: Sealer,
  key: ConnectorKey,
  { submissionId, credentials }: CredentialSubmission,
): Promise<CredentialInput> => ({
  submissionId,
  credentials: await sealer(JSON.stringify(credentials), { ...key, purpose: 'credentials', submissionId }),
});

interface LibraryOptions {
  auth: ConnectorAuth;
  sealer: Sealer;
  by?: string;
  /** The page to which the browser returns from the third party. */
  returnTo: string;
}

/**
 * Sends inputs by the library's updates, whose answers show whether Cyclr accepted the input. Fails with the errors of
 * the library.
 */
export const libraryTransport = ({ auth, sealer, by = 'user', returnTo }: LibraryOptions): Transport => ({
  start: (key, options) => auth.start(key, { ...options, by }),
  view: (key) => auth.view(key),
  submitProperties: async (key, submission) =>
    auth.submitProperties(key, { ...(await propertyInputOf(sealer, key, submission)), by }),
  submitCredentials: async (key, submission) =>
    auth.submitCredentials(key, { ...(await credentialInputOf(sealer, key, submission)), by }),
  requestLink: (key) => auth.requestAuthorization(key, { returnTo, by }),
  returnFromConsent: (key, { attemptId = '' }) => auth.confirmAuthorization(key, { attemptId, by }),
});

const SIGNAL_MS = 5_000;

/**
 * Sends the signal `name`. Does nothing if no run is open. Fails with `temporalUnavailable` if Temporal does not answer
 * within 5 s.
 */
export async function sendSignal(client: Client, key: ConnectorKey, name: string, body: unknown): Promise<void> {
  const send = () => client.workflow.getHandle(workflowIdOf(key)).signal(name, body);
  await translated(() => client.withDeadline(Date.now() + SIGNAL_MS, send)).catch((err: unknown) => {
    if (!(err instanceof ConnectorAuthError && err.code === 'notStarted')) throw err;
  });
}

/**
 * Sends inputs by signals, which Temporal accepts without a running worker. A signal has no answer. Fails as {@link
 * sendSignal} does.
 */
export function signalInputs({ client, sealer, by = 'user' }: { client: Client; sealer: Sealer; by?: string }) {
  const send = (key: ConnectorKey, name: string, body: object) => sendSignal(client, key, name, { ...body, by });
  return {
    submitProperties: async (key, submission) =>
      send(key, 'propertyInput', await propertyInputOf(sealer, key, submission)),
    submitCredentials: async (key, submission) =>
      send(key, 'credentialInput', await credentialInputOf(sealer, key, submission)),
    returnFromConsent: (key, { attemptId }) => send(key, 'oauthCallback', { attemptId }),
  } satisfies Partial<Transport>;
}

/**
 * Makes one HTTP call as a backend. Returns the parsed answer. Fails for any other status than 2xx. The status 503
 * means a temporary fault: then the error is a ConnectorAuthError.
 */
export type BackendCall = (
  method: 'GET' | 'POST',
  path: string,
  body?: object,
  idempotencyKey?: string,
) => Promise<unknown>;

/** Returns a function that calls the service at this address with an API key. */
export const backendCallOf =
  ({ url, apiKey }: { url: string; apiKey: string }): BackendCall =>
  async (method, path, body, idempotencyKey) => {
    const response = await fetch(url + path, {
      method,
      headers: {
        Authorization: `Bearer ${apiKey}`,
        ...(body && { 'Content-Type': 'application/json' }),
        ...(idempotencyKey && { 'Idempotency-Key': idempotencyKey }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (response.ok) return response.json();
    const text = await response.text();
    const { code } = Object(jsonOf(text)) as { code?: ConnectorAuthErrorCode };
    const message = `${method} ${path}: ${response.status} ${text}`;
    throw response.status === 503 && code ? new ConnectorAuthError(code, message) : new Error(message);
  };

/** Calls the service by HTTP, as a backend does. Sends secrets in clear, and the service seals them. */
export function serviceTransport(call: BackendCall): Transport {
  const pathOf = ({ accountId, connectorId }: ConnectorKey, rest = '') =>
    `/v1/accounts/${encodeURIComponent(accountId)}/connectors/${connectorId}${rest}`;
  return {
    start: (key, options = {}) => call('POST', pathOf(key), options) as Promise<{ runId: string }>,
    view: (key) => call('GET', pathOf(key)) as Promise<View>,
    submitProperties: (key, { submissionId, values }) =>
      call('POST', pathOf(key, '/properties'), { values }, submissionId) as Promise<View>,
    submitCredentials: (key, { submissionId, credentials }) =>
      call('POST', pathOf(key, '/credentials'), { credentials }, submissionId) as Promise<View>,
    requestLink: (key) => call('POST', pathOf(key, '/authorization'), {}) as Promise<ConsentLink>,
    async returnFromConsent(_key, _link, location) {
      if (location) await fetch(location); // calls the return page of the service, as the browser does
    },
  };
}
