/** Reads the connectors of an account from Cyclr, for `probe` and `policies check`. Sends only GETs. */
import { CyclrClient, pathOf, type Target } from '../activities/cyclr/client';
import { CyclrError, type CyclrErrorKind } from '../activities/cyclr/errors';
import { draftOf, type Draft } from '../activities/cyclr/wire';
import { authMethodOf, jsonOf, missingFields, type AuthMethod, type Connector } from '../workflows/connector';
import type { Cli } from './cli';
import { cyclrConfig } from './config';
import { CliError } from './errors';

/** One account connector. `body`: Cyclr's answer, with secrets in clear. */
export interface ReadConnector {
  connectorId: number;
  body: unknown;
  /** The connector from the answer. Absent if the answer can't be read. */
  draft?: Draft;
  /** Why the connector can't be read: the message of the `CyclrError`. Absent if the connector can be read. */
  fault?: string;
}

const AT_ONCE = 4;
const LIST = '/v1.0/account/connectors';

export const cyclrClient = async (cli: Cli): Promise<CyclrClient> => new CyclrClient(await cyclrConfig(cli));

/**
 * Reads the connectors of the account, or only the connectors with the ids `only`. Fails: a CliError if Cyclr refuses
 * the whole account.
 */
export async function readAccount(cyclr: CyclrClient, accountId: string, only?: number[]): Promise<ReadConnector[]> {
  const ids =
    only ?? (await asCliError(() => cyclr.listConnectors({ accountId }, () => undefined))).map(({ Id }) => Id);
  const found: ReadConnector[] = [];
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const group = ids.slice(start, start + AT_ONCE);
    found.push(...(await Promise.all(group.map((connectorId) => readOne(cyclr, { accountId, connectorId })))));
  }
  return found;
}

/** Reads the first page of the list of connectors. Returns the body of the answer. */
export async function readList(cyclr: CyclrClient, accountId: string): Promise<unknown> {
  const path = `${LIST}?page=1&pageSize=100`;
  return jsonOf((await asCliError(() => cyclr.call({ accountId }, { method: 'GET', path }))).text);
}

async function readOne(cyclr: CyclrClient, target: Target): Promise<ReadConnector> {
  const { connectorId } = target;
  const path = pathOf(target);
  let body: unknown;
  try {
    const { status, text } = await cyclr.call(target, { method: 'GET', path });
    body = jsonOf(text);
    return { connectorId, body, draft: draftOf(`GET ${path}`, connectorId, status, text) };
  } catch (err) {
    if (!(err instanceof CyclrError)) throw err;
    return { connectorId, body, fault: err.message };
  }
}

const remedies: { [kind in CyclrErrorKind]?: string } = {
  clientRefused: 'set CYCLR_CLIENT_ID and CYCLR_CLIENT_SECRET to the API credentials of your partner account',
  unauthorized: 'check the account id: Cyclr answers 401 for an unknown account, too',
  forbidden: 'ask the support of Cyclr for the permission, or for the approval of your IP address',
  unreadable: 'set CYCLR_API_URL to the API domain of your Cyclr instance, such as https://api.cyclr.com',
};

export async function asCliError<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (err) {
    if (!(err instanceof CyclrError)) throw err;
    const remedy = remedies[err.kind];
    throw new CliError('cyclr', remedy ? `${err.message}. Remedy: ${remedy}` : err.message);
  }
}

/** A question that the flow asks the user. */
export interface Question {
  name: string;
  label: string;
  required: boolean;
  secret: boolean;
}

const byMethod: Record<AuthMethod, string | undefined> = {
  apiKey: 'API key',
  basic: 'user name and password',
  tokens: 'tokens, which your program sends',
  consent: 'consent at the third party',
  fields: undefined,
  clientCredentials: undefined,
  none: undefined,
  unsupported: undefined,
};

/**
 * The questions that a flow of this connector asks the user. `questions`: the properties and, for the auth type
 * AuthFields, the fields of the credentials. `then`: for any other auth type, the credentials or the consent that the
 * flow asks for after the properties.
 */
export function questionsOf(connector: Connector): { questions: Question[]; then?: string } {
  const method = authMethodOf(connector);
  const asked = method === 'unsupported' ? [] : missingFields(connector);
  const fields = [...asked, ...(method === 'fields' ? (connector.policy?.authFields ?? []) : [])];
  const questions = fields.map(({ name, label, required, secret }) => ({ name, label, required, secret }));
  const then = byMethod[method];
  return { questions, ...(then && { then }) };
}

/** The questions as one line of text. */
export function questionText(connector: Connector): string {
  const { questions, then } = questionsOf(connector);
  const asked = questions.map(({ name, secret }) => (secret ? `${name} (secret)` : name));
  return [...asked, ...(then ? [then] : [])].join(', ') || 'nothing';
}
