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

/** The definition of the connector from the catalogue, with the fields that a test has changed. */
export function definitionOf(connector: StoredConnector): Definition {
  return { ...entryOf(connector.key).definition, ...connector.Connector };
}

/**
 * The auth type of the connector in lower case. After `oauth2` stands the OAuth2 type, always in British spelling, such
 * as `oauth2 authorisationcode`. If the definition has no `AuthType`, the first entry of `Authentication` is used.
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

/** The required properties that are absent or empty. Without them, the connector can't be authenticated. */
export function missingProperties(connector: StoredConnector): string[] {
  const { filledByCyclr } = entryOf(connector.key);
  const required = (definitionOf(connector).Parameters ?? []).filter(isRequired).map(({ TargetName }) => TargetName);
  return required.filter((name) => !(name in filledByCyclr) && !valueOf(connector, name));
}

/** The value of a property. If several properties have this name, the value of the newest property. */
export function valueOf(connector: StoredConnector, name: string): string | undefined {
  return connector.Properties.findLast(({ Name }) => Name === name)?.Value;
}

/** True if the user must set the parameter. An absent `IsOptional` means required. */
function isRequired({ IsAccountConnectorProperty, IsOptional, Hidden, Hide, IsPartnerProperty }: Parameter): boolean {
  return IsAccountConnectorProperty === true && !IsOptional && !Hidden && !Hide && !IsPartnerProperty;
}
