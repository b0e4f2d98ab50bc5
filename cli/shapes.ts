/** Computes the shapes of Cyclr's answers. A shape has field names, types and lengths, but no value. */

/**
 * The common shape of the values at one place of several answers, for example of one field. `fields` is absent if no
 * value is an object, and `items` is absent if no value is a list with items.
 */
export interface Shape {
  /** The number of values of each type. */
  types: { [type: string]: number };
  /** The lengths of the shortest and the longest text or list. Absent for a place that can hold a secret. */
  length?: [min: number, max: number];
  fields?: { [name: string]: Shape };
  items?: Shape;
  /** The number of times that each documented word of Cyclr occurs. `other` counts all other words. */
  words?: { [word: string]: number };
}

/**
 * A part of an answer that this project does not know. The report has the path and the type of this part, but not its
 * value.
 */
export interface UnknownPart {
  path: string;
  found: string;
  count: number;
}

/**
 * The documented type of the values at one place of an answer: a text that names one or more types, such as `string
 * number`; a list with the type of its items; or an object with the type of each field. `any`: this project does not
 * read the values at this place.
 */
type Known = string | [Known] | { [field: string]: Known };

const way = {
  Id: 'string',
  AuthName: 'string',
  AuthDescription: 'string',
  AuthType: 'string',
  OAuth2Type: 'string',
  AuthScheme: 'string',
};
const scalar = 'string number boolean';

/**
 * The documented types of the answer to `GET /v1.0/account/connectors/{id}`, and of each item of the list of
 * connectors. A field with the value `null` counts as absent.
 */
export const accountConnector: Known = {
  Id: 'number',
  Name: 'string',
  Description: 'string',
  AuthValue: 'string',
  Authenticated: 'boolean',
  IsPartnerIntegrationConnector: 'boolean',
  Properties: [{ Id: 'number', Name: 'string', Value: scalar, AccountConnectorId: 'number' }],
  CustomFields: 'any',
  Connector: {
    ...way,
    Id: 'number',
    Name: 'string',
    Description: 'string',
    Status: 'string',
    Version: 'string',
    Icon: 'string',
    Categories: 'any',
    Authentication: [way],
    Triggers: [{ Id: 'number string', Name: 'string' }],
    Parameters: [
      {
        Id: 'number',
        Name: 'string',
        Description: 'string',
        TargetType: 'string',
        TargetName: 'string',
        IsAccountConnectorProperty: 'boolean',
        IsOptional: 'boolean',
        IsSensitive: 'boolean',
        DataType: 'string',
        Values: 'any',
        DefaultValue: scalar,
        DisplayName: 'string',
        DisplayOrder: 'number',
        IsPartnerProperty: 'boolean',
        TriggerName: 'string',
        Multiline: 'boolean',
        Hidden: 'boolean',
        Hide: 'boolean',
      },
    ],
  },
};

const words: { [field: string]: readonly string[] } = {
  AuthType: ['ApiKey', 'Basic', 'OAuth1', 'OAuth2', 'None', 'AuthFields'],
  OAuth2Type: ['AuthorisationCode', 'ClientCredentials', 'PasswordCredentials', 'Unknown'],
};
/** The fields whose lengths are left out, because the length of a secret helps to guess the secret. */
const withoutLength = ['AuthValue', 'Value', 'DefaultValue'];

const typeOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value);

/**
 * The name that a shape shows for a field. An unusual name becomes `*`, because the field can have a value as its name,
 * such as an id or an address.
 */
const nameOf = (name: string): string => (/^[A-Za-z][A-Za-z0-9]{0,40}$/.test(name) && !/\d{3}/.test(name) ? name : '*');

/** Adds a value to the shape of the earlier values at the same place. */
export function shapeOf(value: unknown, earlier: Shape = { types: {} }, field = ''): Shape {
  const type = typeOf(value);
  const shape: Shape = { ...earlier, types: { ...earlier.types, [type]: (earlier.types[type] ?? 0) + 1 } };
  if (typeof value === 'string')
    return { ...shape, ...lengthIn(shape, value.length, field), ...wordsIn(shape, value, field) };
  if (Array.isArray(value)) {
    const items = value.reduce<Shape | undefined>((joined, item) => shapeOf(item, joined), shape.items);
    return { ...shape, ...lengthIn(shape, value.length, field), ...(items && { items }) };
  }
  if (type !== 'object') return shape;
  const fields = { ...shape.fields };
  for (const [given, part] of Object.entries(value as object)) {
    const name = nameOf(given);
    fields[name] = shapeOf(part, fields[name], name);
  }
  return { ...shape, fields };
}

function lengthIn({ length }: Shape, size: number, field: string): Pick<Shape, 'length'> {
  if (withoutLength.includes(field)) return {};
  return { length: length ? [Math.min(length[0], size), Math.max(length[1], size)] : [size, size] };
}

function wordsIn(shape: Shape, value: string, field: string): Pick<Shape, 'words'> {
  const documented = Object.hasOwn(words, field) ? words[field] : undefined;
  if (!documented) return {};
  const word = documented.find((one) => one === value) ?? 'other';
  return { words: { ...shape.words, [word]: (shape.words?.[word] ?? 0) + 1 } };
}

/**
 * The parts of a shape that this project does not know, and the documented fields whose type is not the documented
 * type.
 */
export function unknownParts(
  { types, fields = {}, items, words: found }: Shape,
  known: Known,
  path = '',
): UnknownPart[] {
  if (known === 'any') return [];
  const expected = typeof known === 'string' ? known.split(' ') : [Array.isArray(known) ? 'list' : 'object'];
  const wrong = Object.entries(types)
    .filter(([type]) => type !== 'null' && !expected.includes(type))
    .map(([type, count]) => ({
      path: path || 'the answer',
      found: `${type} instead of ${expected.join(' or ')}`,
      count,
    }));
  const others = found?.other ? [{ path, found: 'an undocumented word', count: found.other }] : [];
  if (Array.isArray(known)) return [...wrong, ...(items ? unknownParts(items, known[0], `${path}[]`) : [])];
  if (typeof known === 'string') return [...wrong, ...others];
  const parts = Object.entries(fields).flatMap(([name, shape]): UnknownPart[] => {
    const place = path ? `${path}.${name}` : name;
    if (Object.hasOwn(known, name)) return unknownParts(shape, known[name]!, place);
    const count = Object.values(shape.types).reduce((sum, one) => sum + one, 0);
    return [{ path: place, found: `unknown field (${Object.keys(shape.types).join(', ')})`, count }];
  });
  return [...wrong, ...parts];
}
