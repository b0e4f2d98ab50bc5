/** A parameter of a connector. As in Cyclr's answers, a field can be missing or `null`. */
export interface Parameter {
  TargetName: string;
  IsAccountConnectorProperty?: boolean | null;
  IsOptional?: boolean | null;
  IsPartnerProperty?: boolean | null;
  Hidden?: boolean | null;
  Hide?: boolean | null;
  [field: string]: unknown;
}

/**
 * The definition of a connector in Cyclr's catalogue. An account connector has its definition in its member
 * `Connector`.
 */
export interface Definition {
  Id: number;
  Name: string;
  AuthType: string;
  OAuth2Type?: string | null;
  Parameters?: Parameter[] | null;
  [field: string]: unknown;
}

/** An entry of the catalogue: a connector that a test or a program can install in an account. */
export interface CatalogueEntry {
  /**
   * The key of the connector for tests and commands. Except for `Longname`, the key is also the name of the connector.
   */
  key: string;
  definition: Definition;
  /** True for a partner's own connector (`IsPartnerIntegrationConnector`). */
  partnerIntegration: boolean;
  /**
   * The `AuthValue` that Cyclr stores when the connector is installed. A connector with this value is authenticated
   * from the start.
   */
  storedAuthValue?: string;
  /** Required properties whose values Cyclr itself sets after the authentication. */
  filledByCyclr: Record<string, string>;
}

/** An entry of the catalogue without its id and without the fields that all entries share. */
interface Draft extends Partial<Omit<CatalogueEntry, 'key' | 'definition'>> {
  Name?: string;
  AuthType: string;
  OAuth2Type?: string | null;
  Parameters?: Parameter[] | null;
  [field: string]: unknown;
}

/**
 * Builds the catalogue. Adds to each entry in `drafts` an id, in the order of the entries, and the fields that all
 * entries share.
 */
export function catalogueOf(drafts: Record<string, Draft>): CatalogueEntry[] {
  return Object.entries(drafts).map(([key, draft], index) => {
    const { partnerIntegration = false, storedAuthValue, filledByCyclr = {}, ...fields } = draft;
    const Id = 101 + index;
    const definition: Definition = { ...common, ...fields, Id, Name: fields.Name ?? key };
    if (fields.Parameters) definition.Parameters = numbered(fields.Parameters, Id);
    return { key, definition, partnerIntegration, storedAuthValue, filledByCyclr };
  });
}

/** Makes a parameter that is a property of the account connector. The property is required by default. */
export function property(TargetName: string, fields: Partial<Parameter> = {}): Parameter {
  return {
    Name: TargetName,
    Description: null,
    TargetType: 'MergeField',
    IsAccountConnectorProperty: true,
    IsOptional: false,
    IsSensitive: false,
    DataType: 'Text',
    Values: null,
    DefaultValue: null,
    DisplayName: null,
    TriggerName: null,
    ...fields,
    TargetName,
  };
}

const common = {
  Description: null,
  Status: 'Release',
  Version: '1.4',
  Icon: null,
  AuthDescription: null,
  OAuth2Type: null,
  AuthScheme: null,
  Categories: [],
  Triggers: [],
};

function numbered(parameters: Parameter[], connectorId: number): Parameter[] {
  return parameters.map((parameter, index) => ({ Id: connectorId * 100 + index, DisplayOrder: index, ...parameter }));
}
