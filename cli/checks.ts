/** The checks of `doctor` that do not call Temporal: Cyclr, sealing keys, clock. */
import axios from 'axios';
import { z } from 'zod';
import { CyclrError, type CyclrErrorKind } from '../activities/cyclr/errors';
import { createHttp, proxyOf } from '../activities/cyclr/http';
import { TokenSource } from '../activities/cyclr/token';
import { readKeySet } from '../sealing/key-file';
import { keySetOf } from '../sealing/keys';
import type { Cli } from './cli';
import { findSealingKeys, usedStack, variablesOf } from './config';
import { notChecked, type Outcome } from './output';

/**
 * The time limit of one HTTP call. This limit is less than the 5 s of a whole check, so that the check can report the
 * fault of the call.
 */
const ANSWER_MS = 4_000;
const MAX_DIFFERENCE_MS = 30_000;

/**
 * Requests a token from Cyclr with the CYCLR_* variables. Without these variables, reads the result of a worker's last
 * token request.
 */
export async function checkCyclr(cli: Cli): Promise<Outcome> {
  const names = ['CYCLR_API_URL', 'CYCLR_CLIENT_ID', 'CYCLR_CLIENT_SECRET'] as const;
  const variables = await variablesOf(cli, ...names);
  const { CYCLR_API_URL: origin, CYCLR_CLIENT_ID: clientId, CYCLR_CLIENT_SECRET: clientSecret } = variables;
  if (!origin && !clientId && !clientSecret) return checkByWorker(cli);
  if (!origin || !clientId || !clientSecret) {
    const remedy = 'set all of CYCLR_API_URL, CYCLR_CLIENT_ID and CYCLR_CLIENT_SECRET, or none';
    return { ok: false, detail: 'a CYCLR_* variable is not set', remedy };
  }
  try {
    await new TokenSource(createHttp(origin), { clientId, clientSecret, timeoutMs: ANSWER_MS }).get();
    return { ok: true, detail: `${origin} accepts the client id and secret` };
  } catch (err) {
    if (!(err instanceof CyclrError)) throw err;
    return { ok: false, detail: `${origin}: ${err.message}`, remedy: remedies[err.kind] };
  }
}

const remedies: { [kind in CyclrErrorKind]?: string } = {
  clientRefused: 'set CYCLR_CLIENT_ID and CYCLR_CLIENT_SECRET to the API credentials of your partner account',
  unreachable: 'check CYCLR_API_URL and the network; if both are right, wait for Cyclr',
  unreadable: 'set CYCLR_API_URL to the API domain of your Cyclr instance, such as https://api.cyclr.com',
  throttled: 'wait a minute and run doctor again',
};

const Readiness = z.object({ cyclr: z.object({ ok: z.boolean(), at: z.string(), detail: z.string() }).optional() });

async function checkByWorker(cli: Cli): Promise<Outcome> {
  const { HEALTH_PORT } = await variablesOf(cli, 'HEALTH_PORT');
  const variables = 'set CYCLR_API_URL, CYCLR_CLIENT_ID and CYCLR_CLIENT_SECRET';
  const url = HEALTH_PORT === undefined ? usedStack(cli)?.worker?.healthUrl : `http://127.0.0.1:${HEALTH_PORT}/readyz`;
  if (url === undefined) return notChecked(`${variables}, or HEALTH_PORT of a worker on this machine`);
  const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => undefined);
  if (!answer) return { ok: false, detail: `no worker answers at ${url}`, remedy: `start the worker, or ${variables}` };
  const { cyclr } = Readiness.safeParse(await answer.json().catch(() => undefined)).data ?? {};
  if (!cyclr) return notChecked(`the worker at ${url} has not asked Cyclr for a token yet`);
  const detail = `the worker at ${url}: ${cyclr.detail} (${cyclr.at})`;
  return cyclr.ok ? { ok: true, detail } : { ok: false, detail, remedy: 'check the CYCLR_* variables of the worker' };
}

/**
 * Checks that the sealing keys are readable. If a local stack is running, also checks that the first key is the first
 * key of the stack.
 */
export async function checkSealingKeys(cli: Cli): Promise<Outcome> {
  const remedy = 'set SEALING_KEYS to the JWK set of the workers, or to the path of its file';
  const stack = usedStack(cli);
  let kid: string | undefined;
  try {
    const text = await findSealingKeys(cli);
    if (text === undefined) return notChecked('SEALING_KEYS is not set');
    kid = await firstKidOf(text);
  } catch (err) {
    return { ok: false, detail: (err as Error).message, remedy };
  }
  const used = stack && (await firstKidOf(await readKeySet(stack.sealingKeys)));
  if (used === undefined) return { ok: true, detail: `first key ${kid}; not compared with the service's` };
  if (used === kid) return { ok: true, detail: `first key ${kid}, as npm start uses it` };
  return { ok: false, detail: `the first key is ${kid}, but npm start seals with ${used}`, remedy };
}

const firstKidOf = async (text: string): Promise<string> => (await keySetOf(text)).keys[0]!.kid;

/** Compares this machine's clock with the date of an answer of Cyclr. Temporal's answers have no date. */
export async function checkClock(cli: Cli): Promise<Outcome> {
  const { CYCLR_API_URL, CYCLR_SERVICE_URL } = await variablesOf(cli, 'CYCLR_API_URL', 'CYCLR_SERVICE_URL');
  const origin = CYCLR_API_URL ?? usedStack(cli)?.cyclr.url ?? CYCLR_SERVICE_URL;
  if (!origin) return notChecked('set CYCLR_API_URL to the API domain of your Cyclr instance');
  const before = Date.now();
  const date = await dateOf(origin);
  if (date === undefined) return notChecked(`${origin} gives no date`);
  const differenceMs = Math.abs((before + Date.now()) / 2 - date);
  const detail = `${Math.round(differenceMs / 1000)} s from the clock of ${origin}`;
  if (differenceMs < MAX_DIFFERENCE_MS) return { ok: true, detail };
  return { ok: false, detail, remedy: 'set the clock of this machine, for example by NTP' };
}

/**
 * The header `Date` of the answer of `origin`, in milliseconds since 1970. Undefined if `origin` does not answer, or
 * answers without this header. The request uses the proxy that the environment variables name.
 */
async function dateOf(origin: string): Promise<number | undefined> {
  const answer = await axios
    .head(origin, {
      signal: AbortSignal.timeout(ANSWER_MS),
      maxRedirects: 0,
      validateStatus: () => true,
      ...proxyOf(origin),
    })
    .catch(() => undefined);
  const ms = Date.parse(String(answer?.headers.date));
  return Number.isNaN(ms) ? undefined : ms;
}
