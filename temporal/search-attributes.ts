/**
 * The search attributes of the workflows. A namespace must have these search attributes before the first workflow
 * starts.
 */
import { isGrpcServiceError, type Connection } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { searchAttributes } from '../workflows/messages';
import { ConfigError } from './environment';

/**
 * The name of each type on command lines and in the columns of the visibility store, and its number in Temporal's API.
 */
const types = {
  KEYWORD: { name: 'Keyword', value: 2 },
  BOOL: { name: 'Bool', value: 5 },
  DATETIME: { name: 'Datetime', value: 6 },
} as const; // temporal.api.enums.v1.IndexedValueType
/**
 * The names of all types of search attributes. The position of a name is the number of the type in Temporal's API
 * (temporal.api.enums.v1.IndexedValueType).
 */
const typeNames = ['Unspecified', 'Text', 'Keyword', 'Int', 'Double', 'Bool', 'Datetime', 'KeywordList'];
const VISIBLE_MS = 30_000;
const INVALID_ARGUMENT = 3; // gRPC
const NO_ACCESS = [7, 12, 16]; // PERMISSION_DENIED, UNIMPLEMENTED, UNAUTHENTICATED

/** The services of Temporal that this file calls, by the connection of a client or of a worker. */
export type TemporalServices = Pick<Connection, 'operatorService' | 'workflowService'>;

/**
 * The type of each search attribute, by the attribute's name. The types have their names from Temporal's command line:
 * `Keyword`, `Datetime`, `Bool`.
 */
export const searchAttributeTypes: { readonly [name: string]: string } = Object.fromEntries(
  Object.values(searchAttributes).map(({ name, type }) => [name, types[type].name]),
);
/** The type of each search attribute as a number of Temporal's API, by the attribute's name. */
export const searchAttributeTypeNumbers: { readonly [name: string]: number } = Object.fromEntries(
  Object.values(searchAttributes).map(({ name, type }) => [name, types[type].value]),
);
export const searchAttributeNames: readonly string[] = Object.keys(searchAttributeTypes);

/** Writes the names with their types as one text, such as `ConnectorName (Keyword)`. */
export const withTypes = (names: readonly string[]): string =>
  names.map((name) => `${name} (${searchAttributeTypes[name]})`).join(', ');

/**
 * The search attributes that are absent in the namespace, or have another type. Works without the operator service,
 * because Temporal Cloud gives no access to this service.
 */
export async function missingSearchAttributes(connection: TemporalServices, namespace: string): Promise<string[]> {
  const listed = await typesOf(connection, namespace);
  const there = listed ?? (await aliasesOf(connection, namespace));
  const missing = searchAttributeNames.filter((name) => there[name] !== searchAttributeTypeNumbers[name]);
  const unlisted = missing.filter((name) => !(name in there));
  if (listed || unlisted.length === 0) return missing;
  // The description of the namespace does not always list all search attributes. So for each name that the description
  // lacks, this function tries a query.
  const unknown = await unknownIn(connection, namespace, unlisted);
  return missing.filter((name) => name in there || unknown.includes(name));
}

/**
 * Fails with a {@link ConfigError} if the namespace lacks a search attribute. Without a search attribute, the first
 * upsert of each flow would fail its workflow task.
 */
export async function requireSearchAttributes(connection: TemporalServices, namespace: string): Promise<void> {
  const missing = await missingSearchAttributes(connection, namespace);
  if (missing.length > 0) throw new ConfigError(lackOf(namespace, missing));
}

/**
 * The message for a namespace that lacks the search attributes `missing`, or has them with another type. The message
 * has the remedy.
 */
export const lackOf = (namespace: string, missing: readonly string[]): string =>
  `Namespace ${namespace} lacks the search attributes ${withTypes(missing)}. Register them: ${
    isOfCloud(namespace)
      ? cloudCommand(namespace, missing)
      : 'npm run search-attributes in a clone, otherwise cyclr-connect search-attributes.'
  }`;

/** True for a namespace of Temporal Cloud, whose name is `NAME.ACCOUNT`. */
export const isOfCloud = (namespace: string): boolean => /^[a-z][a-z0-9-]*\.[a-z0-9]{5,}$/.test(namespace);

/** The command that adds search attributes to a namespace of Temporal Cloud. */
export const cloudCommand = (namespace: string, names: readonly string[]): string =>
  `tcld namespace search-attributes add --namespace ${namespace} ${names.map((name) => `--search-attribute ${name}=${searchAttributeTypes[name]}`).join(' ')}`;

/**
 * Registers the missing search attributes, waits until queries can use them, and returns their names. Safe to repeat.
 * Two programs may call this function at the same time. Fails with a {@link ConfigError} if a search attribute exists
 * with another type, or if the server has no operator service (Temporal Cloud).
 */
export async function registerSearchAttributes(connection: TemporalServices, namespace: string): Promise<string[]> {
  const missing = await missingSearchAttributes(connection, namespace);
  if (missing.length > 0) await add(connection, namespace, missing);
  await untilSearchable(connection, namespace);
  return missing;
}

async function add(connection: TemporalServices, namespace: string, names: string[]): Promise<void> {
  const there = await typesOf(connection, namespace);
  if (!there) {
    throw new ConfigError(
      `This server gives no access to its operator service (as on Temporal Cloud). Ask the administrator of namespace ${namespace} to add the search attributes. The command for Temporal Cloud: ${cloudCommand(namespace, names)}`,
    );
  }
  // A search attribute that now exists with the right type is no fault, because another program has registered it in
  // the meantime.
  const wrong = names.filter((name) => name in there && there[name] !== searchAttributeTypeNumbers[name]);
  if (wrong.length > 0) {
    const mismatches = wrong
      .map((name) => `${name} (found ${typeNames[there[name]!] ?? 'unknown'}, needed ${searchAttributeTypes[name]})`)
      .join(', ');
    throw new ConfigError(`Namespace ${namespace} has search attributes of the wrong type: ${mismatches}`);
  }
  const absent = names.filter((name) => !(name in there));
  if (absent.length === 0) return; // Temporal refuses a request without names.
  const wanted = Object.fromEntries(absent.map((name) => [name, searchAttributeTypeNumbers[name]!]));
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: wanted });
}

/**
 * Waits until the server's components have loaded the new search attributes. Until then, the server refuses each query
 * and each start that uses a new search attribute.
 */
async function untilSearchable(connection: TemporalServices, namespace: string): Promise<void> {
  const deadline = Date.now() + VISIBLE_MS;
  while (!(await isKnown(connection, namespace, searchAttributeNames, Date.now() > deadline))) await sleep(100);
}

/** The names that the server does not accept in a query. One query is enough if the server accepts all names. */
async function unknownIn(connection: TemporalServices, namespace: string, names: string[]): Promise<string[]> {
  if (await isKnown(connection, namespace, names)) return [];
  const unknown: string[] = [];
  for (const name of names) if (!(await isKnown(connection, namespace, [name]))) unknown.push(name);
  return unknown;
}

/**
 * True if the server accepts a query that uses the names. With `fails`, throws the server's error if the server refuses
 * the query.
 */
async function isKnown(
  { workflowService }: TemporalServices,
  namespace: string,
  names: readonly string[],
  fails = false,
): Promise<boolean> {
  const query = names.map((name) => `${name} IS NULL`).join(' AND ');
  try {
    await workflowService.countWorkflowExecutions({ namespace, query });
    return true;
  } catch (err) {
    if (fails || !isGrpcServiceError(err) || err.code !== INVALID_ARGUMENT) throw err;
    return false;
  }
}

type Types = Record<string, number>;

/**
 * Asks the operator service for the type of each search attribute: a number, by the attribute's name. Undefined if the
 * operator service is not available.
 */
async function typesOf(connection: TemporalServices, namespace: string): Promise<Types | undefined> {
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    return customAttributes;
  } catch (err) {
    if (isGrpcServiceError(err) && NO_ACCESS.includes(err.code)) return undefined;
    throw err;
  }
}

/**
 * Reads the type of each search attribute from the description of the namespace: a number, by the attribute's name. The
 * description tells which search attribute each column of the visibility store has, for example `Keyword03` →
 * `CyclrAccountId`. The name of the column tells the type.
 */
async function aliasesOf(connection: TemporalServices, namespace: string): Promise<Types> {
  const { config } = await connection.workflowService.describeNamespace({ namespace });
  const aliases = Object.entries(config?.customSearchAttributeAliases ?? {});
  const typeOf = (column: string) => Object.values(types).find(({ name }) => column.replace(/\d+$/, '') === name);
  return Object.fromEntries(aliases.map(([column, name]) => [name, typeOf(column)?.value ?? 0]));
}
