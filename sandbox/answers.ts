import { entryOf } from './catalogue';
import type { Definition, Parameter } from './definition';
import type { Property, StoredConnector } from './state';
import type { Switches } from './switches';

/** An account connector as Cyclr returns it. All stored values are in clear, even secrets. */
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

/** Returns the definition of the connector from the catalogue, with the fields that a test has changed. */
export function definitionOf(connector: StoredConnector): Definition {
  return { ...entryOf(connector.key).definition, ...connector.Connector };
}

/**
 * Returns the auth type of the connector in lower case. For OAuth2, the OAuth2 type follows, always in British
 * spelling: for example `oauth2 authorisationcode`. If the definition has no `AuthType`, uses the first entry of
 * `Authentication`.
 */
export function authTypeOf(connector: StoredConnector): string {
  const definition = definitionOf(connector);
  const [only] = (definition.Authentication as Partial<Definition>[] | null | undefined) ?? [];
  const { AuthType, OAuth2Type } = definition.AuthType ? definition : (only ?? {});
  const type = AuthType === undefined ? '' : AuthType.toLowerCase();
  return type === 'oauth2' ? `oauth2 ${OAuth2Type ?? 'Unknown'}`.toLowerCase().replace('authoriz', 'authoris') : type;
}

/** True if a consent or tokens authenticate the connector. */
export function isOAuth(connector: StoredConnector): boolean {
  return authTypeOf(connector).startsWith('oauth');
}

/**
 * Returns the names of the required properties that are absent or empty. While a required property is missing, the
 * sandbox refuses each authentication of the connector.
 */
export function missingProperties(connector: StoredConnector): string[] {
  const { filledByCyclr } = entryOf(connector.key);
  const required = (definitionOf(connector).Parameters ?? []).filter(isRequired).map(({ TargetName }) => TargetName);
  return required.filter((name) => !(name in filledByCyclr) && !valueOf(connector, name));
}

/** Returns the value of a property. If several properties have this name, returns the value of the newest one. */
export function valueOf(connector: StoredConnector, name: string): string | undefined {
  return connector.Properties.findLast(({ Name }) => Name === name)?.Value;
}

/** True if the user must set the parameter. An absent `IsOptional` means required. */
function isRequired({ IsAccountConnectorProperty, IsOptional, Hidden, Hide, IsPartnerProperty }: Parameter): boolean {
  return IsAccountConnectorProperty === true && !IsOptional && !Hidden && !Hide && !IsPartnerProperty;
}
