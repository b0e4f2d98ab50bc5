import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { authTypeOf, missingProperties, valueOf } from './answers';
import { pascalCased } from './body';
import { entryOf } from './catalogue';
import { badRequest } from './refusal';
import type { StoredConnector } from './state';
import type { Store } from './store';
import type { Switches } from './switches';

/** The data that the third party checks: the secrets in an AuthValue, and the properties with these names. */
interface Claim {
  secrets: string[];
  properties: string[];
}
/** Reads an AuthValue. Returns undefined if the AuthValue does not have the form of the auth type. */
type Reader = (authValue: string, connector: StoredConnector) => Claim | undefined;

/** For each result of {@link authTypeOf}, the function that reads an AuthValue of this auth type. */
const readers: Record<string, Reader> = {
  apikey: (key) => (key === '' ? undefined : { secrets: [key], properties: [] }),
  basic: userAndPassword,
  oauth1: tokens,
  authfields: (text, connector) => namedValues(text) ?? byStoredProperties(connector, text),
  'oauth2 authorisationcode': tokens,
  'oauth2 unknown': tokens,
  'oauth2 clientcredentials': (text) => tokens(text) ?? byProperties(['ClientId', 'ClientSecret'], text),
  'oauth2 passwordcredentials': (text) => tokens(text) ?? byProperties(['Username', 'Password'], text),
};

/**
 * Stores an AuthValue. For the AuthValue `{}`, or if the switch `authenticatedAfterMs` is set, the connector becomes
 * authenticated later (see {@link settle}). Fails with a 400 if the value is wrong or has the wrong form, if the
 * connector takes no value, or if a required property is missing. The message of the 400 quotes the value.
 */
export function storeAuthValue(store: Store, connector: StoredConnector, authValue: string, switches: Switches): void {
  const claim = claimOf(connector, authValue);
  if (!claim) throw badRequest(`'${authValue}' is no AuthValue for connector '${connector.Name}'.`);
  refuseWhileIncomplete(connector);
  const wrong = claim.secrets.find(isWrong);
  if (wrong !== undefined && switches.wrongKey === '400') throw badRequest(`'${wrong}' was refused.`);

  setAuthValue(connector, authValue);
  connector.settlesAt = wrong === undefined ? Date.now() + switches.authenticatedAfterMs : undefined;
  if (claim.properties.length === 0) settle(store, connector);
}

/** Stores the tokens of a consent. Fails: 400 if a required property is missing. */
export function storeTokens(store: Store, connector: StoredConnector, authValue: string, switches: Switches): void {
  refuseWhileIncomplete(connector);
  setAuthValue(connector, authValue);
  connector.settlesAt = Date.now() + switches.authenticatedAfterMs;
  settle(store, connector);
}

/**
 * True if Cyclr can fetch tokens with the properties. False if the third party refuses the properties. Undefined if a
 * user must consent.
 */
export function propertiesSuffice(connector: StoredConnector): boolean | undefined {
  const claim = claimOf(connector, '{}');
  if (!claim) return undefined;
  return missingProperties(connector).length === 0 && areGood(connector, claim);
}

/**
 * Authenticates the connector if its `settlesAt` has passed. A real Cyclr authenticates such a connector when it next
 * calls the third party. The sandbox authenticates the connector when a client reads the connector.
 */
export function settle(store: Store, connector: StoredConnector): void {
  if (connector.settlesAt === undefined || connector.settlesAt > Date.now()) return;
  const claim = claimOf(connector, connector.AuthValue ?? '');
  if (claim && !areGood(connector, claim)) return;

  connector.settlesAt = undefined;
  connector.Authenticated = true;
  for (const [name, value] of Object.entries(entryOf(connector.key).filledByCyclr)) {
    if (!valueOf(connector, name)) store.addProperty(connector, name, value);
  }
}

/** Deletes the stored AuthValue. The properties stay. */
export function deauthenticate(connector: StoredConnector): void {
  connector.AuthValue = null;
  connector.Authenticated = false;
  connector.settlesAt = undefined;
}

/**
 * True for a value that starts with `wrong`. The sandbox refuses a call with such a value. With the switch `wrongKey:
 * unauthenticated`, the sandbox stores a wrong secret instead, but does not authenticate the connector.
 */
export const isWrong = (value: string): boolean => value.startsWith('wrong');

/**
 * False for an empty value, and for a value that starts with `wrong` or `expired`. The sandbox stores a value that
 * starts with `expired`, but its third party refuses this value later.
 */
const isGood = (value = ''): boolean => value !== '' && !isWrong(value) && !value.startsWith('expired');

const areGood = (connector: StoredConnector, { properties }: Claim): boolean =>
  properties.every((name) => isGood(valueOf(connector, name)));

function setAuthValue(connector: StoredConnector, authValue: string): void {
  connector.AuthValue = authValue;
  connector.Authenticated = false;
}

function claimOf(connector: StoredConnector, authValue: string): Claim | undefined {
  return readers[authTypeOf(connector)]?.(authValue, connector);
}

function refuseWhileIncomplete(connector: StoredConnector): void {
  const missing = missingProperties(connector);
  if (missing.length === 0) return;
  const wrong = missing.map((name): [string, string[]] => [name, ['The property is required.']]);
  throw badRequest(`Connector '${connector.Name}' lacks ${missing.join(', ')}.`, Object.fromEntries(wrong));
}

function userAndPassword(authValue: string): Claim | undefined {
  const bytes = Buffer.from(authValue, 'base64');
  // Buffer decodes any text as base64, so encode the bytes again and compare.
  if (bytes.toString('base64') !== authValue || !isUtf8(bytes)) return undefined;
  const [, user, password] = /^([^:]+):(.*)$/s.exec(bytes.toString('utf8')) ?? [];
  return user === undefined || password === undefined ? undefined : { secrets: [user, password], properties: [] };
}

const Tokens = z.preprocess(
  pascalCased,
  z.strictObject({
    AccessToken: z.string().min(1),
    RefreshToken: z.string().optional(),
    Expires: z.string().optional(),
    RefreshExpires: z.string().optional(),
  }),
);

function tokens(text: string): Claim | undefined {
  const { data } = Tokens.safeParse(jsonIn(text));
  return data && { secrets: [data.AccessToken, data.RefreshToken ?? ''], properties: [] };
}

/**
 * Reads an AuthValue for AuthFields in the form that the sandbox uses, such as `user=me;token=secret`. Cyclr documents
 * no form for AuthFields.
 */
function namedValues(text: string): Claim | undefined {
  const pairs = text.split(';').map((pair) => /^[^={}]+=(.*)$/s.exec(pair)?.[1]);
  return pairs.every((value) => value !== undefined) ? { secrets: pairs, properties: [] } : undefined;
}

function byStoredProperties({ Properties }: StoredConnector, text: string): Claim | undefined {
  const names = Properties.map(({ Name }) => Name);
  return names.length > 0 ? byProperties(names, text) : undefined;
}

function byProperties(properties: string[], text: string): Claim | undefined {
  return z.strictObject({}).safeParse(jsonIn(text)).success ? { secrets: [], properties } : undefined;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
