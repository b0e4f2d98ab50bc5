import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { definitionOf, missingProperties, valueOf } from './answers';
import { pascalCased } from './body';
import { entryOf } from './catalogue';
import { badRequest } from './refusal';
import type { StoredConnector } from './state';
import type { Store } from './store';
import type { Switches } from './switches';

/** What an AuthValue holds: the words a third party would check, and the properties it would check besides. */
interface Claim {
  words: string[];
  properties: string[];
}
/** Reads an AuthValue; undefined where it has not the form that its way of authenticating asks for. */
type Reader = (authValue: string) => Claim | undefined;

const readers: Record<string, Reader> = {
  ApiKey: (key) => (key === '' ? undefined : { words: [key], properties: [] }),
  Basic: userAndPassword,
  OAuth1: tokens,
  'OAuth2 AuthorisationCode': tokens,
  'OAuth2 Unknown': tokens,
  'OAuth2 ClientCredentials': (text) => tokens(text) ?? leftTo(['ClientId', 'ClientSecret'], text),
  'OAuth2 PasswordCredentials': (text) => tokens(text) ?? leftTo(['Username', 'Password'], text),
};

/**
 * Stores an AuthValue. `{}`, and any value while `authenticatedAfterMs` is set, shows as authenticated only later: see
 * {@link settle}. Fails: 400 that quotes the value where it has the wrong form or is a wrong one, where the connector
 * takes none, and while a required property is missing.
 */
export function storeAuthValue(store: Store, connector: StoredConnector, authValue: string, switches: Switches): void {
  const claim = claimOf(connector, authValue);
  if (!claim) throw badRequest(`'${authValue}' is no AuthValue for connector '${connector.Name}'.`);
  refuseWhileIncomplete(connector);
  const wrong = claim.words.find(isWrong);
  if (wrong !== undefined && switches.wrongKey === '400') throw badRequest(`'${wrong}' was refused.`);

  keep(connector, authValue);
  connector.settlesAt = wrong === undefined ? Date.now() + switches.authenticatedAfterMs : undefined;
  if (claim.properties.length === 0) settle(store, connector);
}

/** Stores what Cyclr itself got from the third party. Fails: 400 while a required property is missing. */
export function storeGranted(store: Store, connector: StoredConnector, authValue: string, switches: Switches): void {
  refuseWhileIncomplete(connector);
  keep(connector, authValue);
  connector.settlesAt = Date.now() + switches.authenticatedAfterMs;
  settle(store, connector);
}

/** Whether an OAuth connector's properties get Cyclr tokens; undefined where a user has to consent. */
export function propertiesSuffice(connector: StoredConnector): boolean | undefined {
  const claim = claimOf(connector, '{}');
  if (!claim) return undefined;
  return missingProperties(connector).length === 0 && areGood(connector, claim);
}

/** What Cyclr does at its next call to the third party, which here is any GET of the connector. */
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

/** Forgets what was stored. The properties stay. */
export function deauthenticate(connector: StoredConnector): void {
  connector.AuthValue = null;
  connector.Authenticated = false;
  connector.settlesAt = undefined;
}

/** Whether a value is one of those that are refused at once. */
export const isWrong = (value: string): boolean => value.startsWith('wrong');

/** `expired…` is taken like any value, and found to be no good only when Cyclr uses it. */
const isGood = (value = ''): boolean => value !== '' && !isWrong(value) && !value.startsWith('expired');

const areGood = (connector: StoredConnector, { properties }: Claim): boolean =>
  properties.every((name) => isGood(valueOf(connector, name)));

function keep(connector: StoredConnector, authValue: string): void {
  connector.AuthValue = authValue;
  connector.Authenticated = false;
}

function claimOf(connector: StoredConnector, authValue: string): Claim | undefined {
  const { AuthType, OAuth2Type } = definitionOf(connector);
  const reader = readers[AuthType === 'OAuth2' ? `OAuth2 ${OAuth2Type ?? 'Unknown'}` : AuthType];
  return reader?.(authValue);
}

function refuseWhileIncomplete(connector: StoredConnector): void {
  const missing = missingProperties(connector);
  if (missing.length === 0) return;
  const wrong = missing.map((name): [string, string[]] => [name, ['The property is required.']]);
  throw badRequest(`Connector '${connector.Name}' lacks ${missing.join(', ')}.`, Object.fromEntries(wrong));
}

function userAndPassword(authValue: string): Claim | undefined {
  const bytes = Buffer.from(authValue, 'base64');
  // Buffer reads anything as base64: only the way back tells.
  if (bytes.toString('base64') !== authValue || !isUtf8(bytes)) return undefined;
  const [, user, password] = /^([^:]+):(.*)$/s.exec(bytes.toString('utf8')) ?? [];
  return user === undefined || password === undefined ? undefined : { words: [user, password], properties: [] };
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
  return data && { words: [data.AccessToken, data.RefreshToken ?? ''], properties: [] };
}

function leftTo(properties: string[], text: string): Claim | undefined {
  return z.strictObject({}).safeParse(jsonIn(text)).success ? { words: [], properties } : undefined;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
