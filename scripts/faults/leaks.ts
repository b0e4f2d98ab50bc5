/** Whether a secret stands anywhere that it must not: histories, logs, the database. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporal } from '@temporalio/proto';
import type { Book } from './books';
import type { RunEvidence } from './evidence';
import type { Ledger } from './ledger';
import { searchFor, type Search } from './marks';
import type { World } from './world';

const CHUNK_BYTES = 16 * 1024 * 1024;
const OVERLAP_BYTES = 64 * 1024;
const { History } = temporal.api.history.v1;

/** Looks for the users' secrets and the private key in every encoding, and for what Cyclr has made as it is. */
export async function leaks(world: World, ledgers: Ledger[], runs: RunEvidence[]): Promise<Omit<Book, 'name'>> {
  const places: [string, Buffer][] = [
    ...runs.map(({ workflowId, history }): [string, Buffer] => [
      `the history of ${workflowId}`,
      Buffer.from(History.encode(history as never).finish()),
    ]),
    ...filesOf(world.folder).map((file): [string, Buffer] => [file, readFileSync(join(world.folder, file))]),
  ];
  const made = madeByCyclr(world, ledgers);
  const privateKey = searchFor(world.privatePart);
  const wrong = places.flatMap(([place, bytes]) => [
    ...inChunks(bytes, world.mark.foundIn).map((how) => `a user's secret in ${place} (${how})`),
    ...inChunks(bytes, privateKey).map((how) => `the private key in ${place} (${how})`),
    ...made.filter(({ text }) => bytes.includes(text)).map(({ what }) => `${what} in ${place}`),
  ]);
  const megabytes = places.reduce((sum, [, { length }]) => sum + length, 0) / 2 ** 20;
  return { counted: `${places.length} places, ${megabytes.toFixed(0)} MB`, wrong };
}

/** All that was written, but for the keys themselves. */
const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'sealing-keys.json')
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));

function inChunks(bytes: Buffer, search: Search): string[] {
  const found = new Set<string>();
  for (let from = 0; from < bytes.length; from += CHUNK_BYTES)
    for (const how of search(bytes.subarray(from, from + CHUNK_BYTES + OVERLAP_BYTES))) found.add(how);
  return [...found];
}

/** Tokens for signing in, tokens of third parties, and the client's own secret. */
function madeByCyclr({ sandbox }: World, ledgers: Ledger[]): { what: string; text: string }[] {
  const accounts = [...new Set(ledgers.map(({ key }) => key.accountId))];
  const granted = ledgers.flatMap(({ runs }) => runs.flatMap((run) => run.granted));
  return [
    { what: "the client's secret", text: sandbox.clientSecret },
    ...accounts
      .flatMap((account) => sandbox.signIns(account))
      .map(({ token }) => ({ what: 'a sign-in token', text: token })),
    ...granted
      .flatMap((value) => Object.values(JSON.parse(value) as { [name: string]: string }))
      .filter((text) => /^[ar]t-/.test(text))
      .map((text) => ({ what: "a third party's token", text })),
  ];
}
