/**
 * Shows the service's pages in a browser with fake answers, so that a page state can be shown without the steps that
 * lead to this state. Tests of behaviour use the real service.
 */
import { randomUUID } from 'node:crypto';
import type { Page, Route } from 'playwright-core';
import type { ConnectorAuth } from '../../client/connector-auth';
import type { AnswerCode } from '../../client/http/codes';
import { apiKeysOf, sessionKeysOf } from '../../service/keys';
import { createApp } from '../../service/app';
import type { Brand } from '../../service/brand';
import { createMetrics } from '../../service/metrics';
import { answers } from '../../service/problems';
import { Tokens } from '../../service/tokens';
import { generateKey, keySetOf, publicHalf, publicKeyOf } from '../../sealing/keys';
import { freePort } from '../local/ports';
import type { View } from '../../workflows/messages';
import { newSessionKeys } from '../local/settings';
import type { Look, Reply } from './look';
import { ACCOUNT_ID } from './views';

export interface StandIn {
  /** Shows this page state. After the call, `page` keeps the routes and the timeout that this function has set. */
  show(page: Page, look: Look): Promise<void>;
  close(): Promise<void>;
}

const brand: Brand = {
  name: 'Acme Cloud',
  color: '#0f766e',
  links: {
    support: 'https://acme.example/support',
    privacy: 'https://acme.example/privacy',
    terms: 'https://acme.example/terms',
  },
  logo: `data:image/svg+xml;base64,${Buffer.from(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 150 40" width="150" height="40"><circle cx="20" cy="20" r="16" fill="#0f766e"/><text x="44" y="28" font-family="sans-serif" font-weight="700" font-size="22" fill="#0f766e">Acme</text></svg>',
  ).toString('base64')}`,
};

/** The path of the page that replaces the third party's consent page. */
const ELSEWHERE = '/elsewhere';
const ACCOUNT = { accountLabel: 'Acme Ltd' };

export async function openStandIn(): Promise<StandIn> {
  const [plain, branded] = [await openPages(), await openPages(brand)];
  return {
    async show(page, look) {
      page.setDefaultTimeout(60_000);
      await showIn(page, look, look.branded ? branded : plain).catch((err: unknown) => {
        throw new Error(`"${look.name}" does not show "${look.shows}": ${String(err)}`);
      });
    },
    async close() {
      await Promise.all([plain.close(), branded.close()]);
    },
  };
}

type Pages = Awaited<ReturnType<typeof openPages>>;

/** Starts the service's HTTP server with a fake library. */
async function openPages(brand?: Brand) {
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  const tokens = new Tokens({ keys: sessionKeysOf(JSON.stringify(newSessionKeys())), publicUrl });
  const sealingKeys = JSON.stringify({ keys: [await generateKey()] });
  const shown: { view?: View } = {};
  const app = await createApp({
    auth: authOf(publicUrl, shown),
    tokens,
    apiKeys: apiKeysOf(['0'.repeat(64)]),
    config: {
      publicUrl,
      allowedOrigins: [],
      sealing: { set: publicHalf(await keySetOf(sealingKeys)), key: await publicKeyOf(sealingKeys) },
      brand,
    },
    trouble: async () => undefined,
    metrics: createMetrics(),
    report: () => undefined,
  });
  await app.listen({ port, host: '127.0.0.1' });
  return { publicUrl, tokens, sealingKeys, shown, close: () => app.close() };
}

/**
 * Returns a fake of the library. The fake has only the methods that the service calls for the pages before and after
 * the consent.
 */
function authOf(publicUrl: string, shown: { view?: View }): ConnectorAuth {
  const part: Partial<ConnectorAuth> = {
    view: async () => shown.view!,
    requestAuthorization: async (_key, { attemptId = '' }) => ({
      attemptId,
      url: publicUrl + ELSEWHERE,
      expiresAt: new Date(Date.now() + 600_000).toISOString(),
    }),
    oauthReturned: async () => undefined,
    timeline: async () => ({ entries: [] }),
    recheck: async () => shown.view!,
    async *views() {
      yield shown.view!;
    },
  };
  return part as ConnectorAuth;
}

async function showIn(page: Page, look: Look, pages: Pages): Promise<void> {
  pages.shown.view = look.views?.[0];
  await page.route('**/v1/session**', (route) => answer(route, look, pages));
  await page.route(`**${ELSEWHERE}`, stay);
  await look.before?.(page);
  await go(page, look, pages);
  await look.act?.(page);
  await page.getByText(look.shows).locator('visible=true').first().waitFor();
}

/** Answers 204 without a page, so that the browser stays on the present page. */
const stay = (route: Route) => route.fulfill({ status: 204 });

async function answer(route: Route, look: Look, { sealingKeys }: Pages): Promise<void> {
  const request = route.request();
  const call = `${request.method()} ${new URL(request.url()).pathname.replace('/v1/session', '')}`;
  const reply = look.replies?.[call] ?? usualReply(call, look, sealingKeys);
  if (reply === 'never') return;
  if (reply === 'unreachable') return route.abort();
  if ('code' in reply) return refuse(route, reply.code);
  if (typeof reply.body === 'string') return route.fulfill({ contentType: 'text/event-stream', body: reply.body });
  return route.fulfill({ json: reply.body });
}

/**
 * Answers a call with the status that the service sends with this error code. If the service also sends `Retry-After`,
 * the fake answer sends the value 1 (a second), so that no test waits longer.
 */
function refuse(route: Route, code: AnswerCode): Promise<void> {
  const { status, retryAfterS } = answers[code];
  const headers = retryAfterS === undefined ? undefined : { 'Retry-After': '1' };
  return route.fulfill({ status, headers, json: { code } });
}

/** An event stream without events. The browser reconnects after an hour. */
const QUIET = 'retry: 3600000\n\n';

function usualReply(call: string, { views = [], session }: Look, sealingKeys: string): Reply {
  const token = { token: 'session', expiresAt: new Date(Date.now() + 900_000).toISOString() };
  const replies: { [call: string]: Reply } = {
    'GET ': { body: { accountId: ACCOUNT_ID, language: 'en', ...ACCOUNT, ...session, ...token, connectors: views } },
    'GET /events': { body: QUIET },
    'GET /sealing-keys': { body: JSON.parse(sealingKeys) as unknown },
    'POST /redeem': { body: token },
  };
  return replies[call] ?? 'never';
}

async function go(page: Page, { of, link = 'session' }: Look, { publicUrl, tokens }: Pages): Promise<void> {
  if (of === undefined) return void (await page.goto(`${publicUrl}/connect${await fragmentOf(link, tokens)}`));
  if (of === 'going' || of === 'refused') {
    const scope = { accountId: ACCOUNT_ID, ...ACCOUNT, connectorIds: [41], language: 'en' };
    const { token } = await tokens.mint('session', scope);
    await page.goto(`${publicUrl}/connect`);
    return page.evaluate(
      submitted({ session: of === 'going' ? token : 'no-token', connectorId: '41', name: 'Ledgerly' }),
    );
  }
  const attempt = await tokens.attempt({ accountId: ACCOUNT_ID, connectorId: 41, attemptId: randomUUID(), by: 'user' });
  const query = { return: `?attempt=${attempt}`, 'return in the same tab': `?depth=1&attempt=${attempt}` };
  await page.goto(`${publicUrl}/connect/return${of === 'return without an attempt' ? '' : query[of]}`);
  // The page reloads itself, and the answer 204 keeps the shown content at each reload.
  await page.route('**/connect/return**', stay);
}

async function fragmentOf(link: NonNullable<Look['link']>, tokens: Tokens): Promise<string> {
  if (link === 'nothing') return '';
  const { token } = await tokens.mint(link, {
    accountId: ACCOUNT_ID,
    ...ACCOUNT,
    connectorIds: [41, 42],
    language: 'en',
  });
  return `#${link}=${token}`;
}

/** Returns a script that submits the form of the connect page, as a click on its button does. */
const submitted = (fields: object): string => `{
  const form = Object.assign(document.createElement('form'), { method: 'post', action: 'connect/go' });
  for (const [name, value] of Object.entries(${JSON.stringify(fields)}))
    form.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value }));
  document.body.append(form);
  form.submit();
}`;
