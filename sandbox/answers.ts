import { entryOf } from './catalogue';
import type { Definition, Parameter } from './definition';
import type { Property, StoredConnector } from './state';
import type { Switches } from './switches';

/** An account connector as Cyclr answers it: what was stored comes back in clear, secrets too. */
export interface AccountConnector {
  Id: number;
  Name: string;
  Description: string | null;
  AuthValue: string | null;
  Authenticated: boolean;
  IsPartnerIntegrationConnector: boolean;
  Properties: Property[];
  CustomFields: unknown[];
  Connector: Definition;
}

export function accountConnectorAnswer(
  connector: StoredConnector,
  { authValueReadable }: Pick<Switches, 'authValueReadable'> = { authValueReadable: true },
): AccountConnector {
  const { Id, Name, Description, Authenticated, IsPartnerIntegrationConnector, Properties } = connector;
  const AuthValue = authValueReadable || !isOAuth(connector) ? connector.AuthValue : null;
  const stored = { Id, Name, Description, AuthValue, Authenticated, IsPartnerIntegrationConnector, Properties };
  return { ...stored, CustomFields: [], Connector: definitionOf(connector) };
}

export function propertyAnswer(connector: StoredConnector, { Id, Name, Value }: Property) {
  return { Id, Name, Value, AccountConnectorId: connector.Id };
}

/** What the catalogue says about it, save for what a test has changed. */
export function definitionOf(connector: StoredConnector): Definition {
  return { ...entryOf(connector.key).definition, ...connector.Connector };
}

/** Whether a user's consent, or tokens, authenticate it. */
export function isOAuth(connector: StoredConnector): boolean {
  return ['OAuth1', 'OAuth2'].includes(definitionOf(connector).AuthType);
}

/** The properties somebody has to set before it can be authenticated, and that are absent or empty. */
export function missingProperties(connector: StoredConnector): string[] {
  const { filledByCyclr } = entryOf(connector.key);
  const required = (definitionOf(connector).Parameters ?? []).filter(isAsked).map(({ TargetName }) => TargetName);
  return required.filter((name) => !(name in filledByCyclr) && !valueOf(connector, name));
}

/** The value that counts: of several with one name the newest. */
export function valueOf(connector: StoredConnector, name: string): string | undefined {
  return connector.Properties.findLast(({ Name }) => Name === name)?.Value;
}

/** Hidden ones and the partner's are nobody's to type. An absent `IsOptional` means required. */
function isAsked({ IsAccountConnectorProperty, IsOptional, Hidden, IsPartnerProperty }: Parameter): boolean {
  return IsAccountConnectorProperty === true && !IsOptional && !Hidden && !IsPartnerProperty;
}
