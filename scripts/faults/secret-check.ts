/** Searches histories, logs and the database for secrets. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporal } from '@temporalio/proto';
import type { FlowRecord } from './flow-record';
import type { RunHistory } from './histories';
import { searchFor, type Search, type TestSecrets } from './secret-search';
import type { FaultStack } from './stack';

const CHUNK_BYTES = 16 * 1024 * 1024;
const OVERLAP_BYTES = 64 * 1024;
const { History } = temporal.api.history.v1;

/** Searches for users' secrets and the private key in all encodings, and for Cyclr's tokens only in clear. */
export function secretFaults(
  { folder, sandbox, sealingKeys }: FaultStack,
  secrets: TestSecrets,
  records: FlowRecord[],
  runs: RunHistory[],
): { examined: string; faults: string[] } {
  const places: [string, Buffer][] = [
    ...runs.map(({ workflowId, history }): [string, Buffer] => [
      `the history of ${workflowId}`,
      Buffer.from(History.encode(history as never).finish()),
    ]),
    ...filesIn(folder).map((file): [string, Buffer] => [file, readFileSync(join(folder, file))]),
  ];
  const tokens = tokensOfCyclr(sandbox, records);
  const privateKey = searchFor((JSON.parse(sealingKeys) as { keys: [{ d: string }] }).keys[0].d);
  const found = places.flatMap(([place, bytes]) => [
    ...inChunks(bytes, secrets.foundIn).map((encoding) => `a user's secret in ${place} (${encoding})`),
    ...inChunks(bytes, privateKey).map((encoding) => `the private key in ${place} (${encoding})`),
    ...tokens.filter(({ text }) => bytes.includes(text)).map(({ name }) => `${name} in ${place}`),
  ]);
  const faults = [...found, ...unreadable(places, records)];
  const megabytes = places.reduce((sum, [, { length }]) => sum + length, 0) / 2 ** 20;
  return { examined: `${places.length} histories and files, ${megabytes.toFixed(0)} MB`, faults };
}

/**
 * Checks that the search works: in each kind of place, the search must find a text that is not a secret, such as the id
 * of an account.
 */
function unreadable(places: [string, Buffer][], records: FlowRecord[]): string[] {
  const ids = records.map(({ key }) => key.accountId);
  return [/^the history of/, /\.log$/, /\.db$/].flatMap((kind) =>
    places.some(([place, bytes]) => kind.test(place) && ids.some((id) => bytes.includes(id)))
      ? []
      : [`no account id in any place of the kind ${kind}, so the search can't find a secret there`],
  );
}

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));

/** Searches a buffer in chunks. The chunks overlap, so that a secret at the border of two chunks is found. */
function inChunks(bytes: Buffer, search: Search): string[] {
  const encodings = new Set<string>();
  for (let from = 0; from < bytes.length; from += CHUNK_BYTES)
    for (const encoding of search(bytes.subarray(from, from + CHUNK_BYTES + OVERLAP_BYTES))) encodings.add(encoding);
  return [...encodings];
}

/** Returns the secrets of Cyclr: sign-in tokens, tokens of third parties, and the client secret. */
function tokensOfCyclr(sandbox: FaultStack['sandbox'], records: FlowRecord[]): { name: string; text: string }[] {
  const accounts = [...new Set(records.map(({ key }) => key.accountId))];
  const granted = records.flatMap(({ runs }) => runs.flatMap((run) => run.granted));
  return [
    { name: 'the client secret', text: sandbox.clientSecret },
    ...accounts
      .flatMap((account) => sandbox.signIns(account))
      .map(({ token }) => ({ name: 'a sign-in token', text: token })),
    ...granted
      .flatMap((value) => Object.values(JSON.parse(value) as { [name: string]: string }))
      .filter((text) => /^[ar]t-/.test(text))
      .map((text) => ({ name: "a third party's token", text })),
  ];
}
