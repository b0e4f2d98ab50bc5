/** A parameter of a connector, as loose as Cyclr's answers: a field may be missing or `null`. */
export interface Parameter {
  TargetName: string;
  IsAccountConnectorProperty?: boolean | null;
  IsOptional?: boolean | null;
  IsPartnerProperty?: boolean | null;
  Hidden?: boolean | null;
  [field: string]: unknown;
}

/** What Cyclr tells about a connector, whoever has installed it: the `Connector` inside an account connector. */
export interface Definition {
  Id: number;
  Name: string;
  AuthType: string;
  OAuth2Type?: string | null;
  Parameters?: Parameter[] | null;
  [field: string]: unknown;
}

/** A connector that an account can have. */
export interface CatalogueEntry {
  /** What tests and people call it; the name of the connector too, but for one. */
  key: string;
  definition: Definition;
  /** The partner's own connector. */
  partnerIntegration: boolean;
  /** What is stored when it is installed: such a connector is authenticated from the start. */
  storedAuthValue?: string;
  /** Required properties that Cyclr itself fills right after authentication. */
  filledByCyclr: Record<string, string>;
}

/** What the catalogue says about a connector: the fields of its definition that are special, and our own. */
interface Draft extends Partial<Omit<CatalogueEntry, 'key' | 'definition'>> {
  Name?: string;
  AuthType: string;
  OAuth2Type?: string | null;
  Parameters?: Parameter[] | null;
  [field: string]: unknown;
}

/** Builds the catalogue: ids follow the order, and what all connectors have in common is added. */
export function catalogueOf(drafts: Record<string, Draft>): CatalogueEntry[] {
  return Object.entries(drafts).map(([key, draft], index) => {
    const { partnerIntegration = false, storedAuthValue, filledByCyclr = {}, ...fields } = draft;
    const Id = 101 + index;
    const definition: Definition = { ...common, ...fields, Id, Name: fields.Name ?? key };
    if (fields.Parameters) definition.Parameters = numbered(fields.Parameters, Id);
    return { key, definition, partnerIntegration, storedAuthValue, filledByCyclr };
  });
}

/** A property of the account connector, required unless told otherwise. */
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
