/** The search attributes of the workflows. A namespace must have them before the first workflow starts. */
import { isGrpcServiceError, type Connection } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { searchAttributes } from '../workflows/messages';
import { ConfigError } from './environment';

const KEYWORD = 2; // temporal.api.enums.v1.IndexedValueType
const VISIBLE_MS = 30_000;
const INVALID_ARGUMENT = 3; // gRPC
const PERMISSION_DENIED = 7;
const UNIMPLEMENTED = 12;

/** A connection of a client or of a worker. */
export type TemporalServices = Pick<Connection, 'operatorService' | 'workflowService'>;

/** The names of the search attributes; each is a Keyword. */
export const searchAttributeNames: readonly string[] = Object.values(searchAttributes).map(({ name }) => name);

/** The search attributes that the namespace lacks. Works without the operator service. */
export async function missingSearchAttributes(connection: TemporalServices, namespace: string): Promise<string[]> {
  const there = (await typesOf(connection, namespace)) ?? (await aliasesOf(connection, namespace));
  return searchAttributeNames.filter((name) => there[name] !== KEYWORD);
}

/**
 * Fails with a {@link ConfigError} if the namespace lacks a search attribute. Without them the first upsert of each flow
 * fails its workflow task.
 */
export async function requireSearchAttributes(connection: TemporalServices, namespace: string): Promise<void> {
  const missing = await missingSearchAttributes(connection, namespace);
  if (missing.length === 0) return;
  throw new ConfigError(
    `Namespace ${namespace} lacks the search attributes ${missing.join(', ')}. Register them: npm run search-attributes, or registerSearchAttributes() of cyclr-connect.`,
  );
}

/**
 * Registers the missing search attributes, waits until queries can use them, and returns their names. Safe to repeat and
 * to run twice at once. Fails with the remedy if one exists with another type, and if the server has no operator
 * service (Temporal Cloud).
 */
export async function registerSearchAttributes(connection: TemporalServices, namespace: string): Promise<string[]> {
  const missing = await missingSearchAttributes(connection, namespace);
  if (missing.length > 0) await add(connection, namespace, missing);
  await untilSearchable(connection, namespace);
  return missing;
}

async function add(connection: TemporalServices, namespace: string, names: string[]): Promise<void> {
  const types = await typesOf(connection, namespace);
  if (!types) {
    throw new Error(
      `This server gives no access to its operator service, as Temporal Cloud. Add these search attributes of type Keyword to namespace ${namespace} by tcld or the web console: ${names.join(', ')}`,
    );
  }
  const taken = names.filter((name) => name in types); // the server would answer a second add with success, and change nothing
  if (taken.length > 0) {
    throw new Error(`Search attributes of namespace ${namespace} that are not of type Keyword: ${taken.join(', ')}`);
  }
  const wanted = Object.fromEntries(names.map((name) => [name, KEYWORD]));
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: wanted });
}

/** The server's components load a new search attribute a moment later. Until then they refuse a start that uses it. */
async function untilSearchable(connection: TemporalServices, namespace: string): Promise<void> {
  const query = searchAttributeNames.map((name) => `${name} = ''`).join(' AND ');
  for (const deadline = Date.now() + VISIBLE_MS; ; await sleep(100)) {
    try {
      await connection.workflowService.countWorkflowExecutions({ namespace, query });
      return;
    } catch (err) {
      if (!isGrpcServiceError(err) || err.code !== INVALID_ARGUMENT || Date.now() > deadline) throw err;
    }
  }
}

type Types = Record<string, number>;

/** Undefined if the operator service is not available. */
async function typesOf(connection: TemporalServices, namespace: string): Promise<Types | undefined> {
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    return customAttributes;
  } catch (err) {
    if (isGrpcServiceError(err) && [PERMISSION_DENIED, UNIMPLEMENTED].includes(err.code)) return undefined;
    throw err;
  }
}

/** The namespace lists the column of each search attribute: `Keyword03` → `CyclrAccountId`. */
async function aliasesOf(connection: TemporalServices, namespace: string): Promise<Types> {
  const { config } = await connection.workflowService.describeNamespace({ namespace });
  const aliases = Object.entries(config?.customSearchAttributeAliases ?? {});
  return Object.fromEntries(aliases.map(([column, name]) => [name, /^Keyword\d+$/.test(column) ? KEYWORD : 0]));
}
