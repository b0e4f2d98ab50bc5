/** The search attributes that the workflows set: a server must know them before the first one runs. */
import { isGrpcServiceError, type Connection } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { searchAttributes } from '../workflows/messages';

const KEYWORD = 2; // temporal.api.enums.v1.IndexedValueType
const VISIBLE_MS = 30_000;
const INVALID_ARGUMENT = 3; // gRPC
const PERMISSION_DENIED = 7;
const UNIMPLEMENTED = 12;

/** Their names; each is a Keyword. */
export const searchAttributeNames: readonly string[] = Object.values(searchAttributes).map(({ name }) => name);

/** Those that the namespace lacks. Needs no operator service. */
export async function missingSearchAttributes(connection: Connection, namespace: string): Promise<string[]> {
  const there = (await typesOf(connection, namespace)) ?? (await aliasesOf(connection, namespace));
  return searchAttributeNames.filter((name) => there[name] !== KEYWORD);
}

/**
 * Registers those that are missing, waits until they can be searched by, and returns which they were. Safe to repeat,
 * also twice at once. Fails with what to do where one exists with another type, or where they can't be registered by
 * this way (Temporal Cloud).
 */
export async function registerSearchAttributes(connection: Connection, namespace: string): Promise<string[]> {
  const missing = await missingSearchAttributes(connection, namespace);
  if (missing.length > 0) await add(connection, namespace, missing);
  await untilSearchable(connection, namespace);
  return missing;
}

async function add(connection: Connection, namespace: string, names: string[]): Promise<void> {
  const types = await typesOf(connection, namespace);
  if (!types) {
    throw new Error(
      `This server has no operator service for us, as Temporal Cloud: add these search attributes of type Keyword to namespace ${namespace} by its own means: ${names.join(', ')}`,
    );
  }
  const taken = names.filter((name) => name in types); // adding it again would be answered as done, and change nothing
  if (taken.length > 0) {
    throw new Error(`Search attributes of namespace ${namespace} that are not of type Keyword: ${taken.join(', ')}`);
  }
  const wanted = Object.fromEntries(names.map((name) => [name, KEYWORD]));
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: wanted });
}

/** The server's own components learn of a new one a moment later: until then a start with it is refused. */
async function untilSearchable(connection: Connection, namespace: string): Promise<void> {
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

/** Undefined where the operator service is closed to us. */
async function typesOf(connection: Connection, namespace: string): Promise<Types | undefined> {
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    return customAttributes;
  } catch (err) {
    if (isGrpcServiceError(err) && [PERMISSION_DENIED, UNIMPLEMENTED].includes(err.code)) return undefined;
    throw err;
  }
}

/** The namespace itself lists the column behind each: `Keyword03` → `CyclrAccountId`. */
async function aliasesOf(connection: Connection, namespace: string): Promise<Types> {
  const { config } = await connection.workflowService.describeNamespace({ namespace });
  const aliases = Object.entries(config?.customSearchAttributeAliases ?? {});
  return Object.fromEntries(aliases.map(([column, name]) => [name, /^Keyword\d+$/.test(column) ? KEYWORD : 0]));
}
