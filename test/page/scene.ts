/** The page in a browser, on a service, a worker, Temporal and the sandbox. */
import { randomUUID } from 'node:crypto';
import type { Browser, BrowserContext, Page, Route } from 'playwright-core';
import { persistently } from '../../scripts/user/persistent';
import type { ConnectorKey } from '../../workflows/connector';
import type { View } from '../../workflows/messages';
import { openService, type Options, type Service } from '../service/scene';
import { eventually } from '../support/eventually';
import { launchBrowser } from './browser';

export interface WebScene {
  service: Service;
  browser: Browser;
  /** Script errors and policy violations of all pages. */
  complaints: string[];
  /** Opens a new browser context, which shares no cookies or storage with another context. */
  someone(): Promise<BrowserContext>;
  /** Closes all contexts and clears `complaints`. */
  everybodyLeaves(): Promise<unknown>;
  /** Installs connectors of the catalogue in a new account. */
  install<Names extends string[]>(...connectors: Names): { [N in keyof Names]: ConnectorKey };
  /**
   * Makes a session, and returns its token after the session's flows have read their connectors. In this way, the page
   * always opens the same connector first.
   */
  session(keys: ConnectorKey[], more?: object): Promise<string>;
  /** Opens the connect page. */
  open(keys: ConnectorKey[], options?: OpenOptions): Promise<Page>;
  view(key: ConnectorKey): Promise<View>;
  /** Submits the right API key through the library, without the page. */
  gives(key: ConnectorKey): Promise<View>;
  reaches(key: ConnectorKey, state: View['state']): Promise<View>;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Members that are added to the request for a session. */
  session?: object;
  context?: BrowserContext;
  /** A function that prepares the browser's page before the connect page loads. */
  before?: (page: Page) => Promise<unknown>;
}

/** Functions that find elements of the page by the words that a user sees. */
export const heading = (page: Page, name: string) => page.getByRole('heading', { name, exact: true });
export const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
export const field = (page: Page, name: string) => page.getByLabel(name, { exact: true });

/** Opens a connector's panel in the list, unless it is open. */
export async function openRow(page: Page, name: string): Promise<void> {
  const row = page.getByRole('button', { name }).and(page.locator('.row'));
  if ((await row.getAttribute('aria-expanded')) === 'false') await row.dispatchEvent('click');
}

/** Answers a call as the service does without a worker, but lets the page repeat the call after one second. */
export const noWorker = (route: Route) =>
  route.fulfill({ status: 503, headers: { 'Retry-After': '1' }, json: { code: 'noWorker' } });

/**
 * A script for a window that the page has opened. The script returns each way by which the window can read or navigate
 * the page.
 */
export const reachOpener = `(() => {
  const tries = {
    document: () => opener.document,
    parentDocument: () => opener.parent.document,
    location: () => (opener.location = 'about:blank'),
    parentLocation: () => (opener.parent.location = 'about:blank'),
    topReplace: () => opener.top.location.replace('about:blank'),
  };
  return Object.keys(tries).filter((name) => {
    try { tries[name](); return true; } catch { return false; }
  });
})()`;

/**
 * The time limit of one step in the browser, which is shorter than Jest's time limit of a test. A step can take 30 s,
 * for two reasons: Temporal repeats a workflow task of a stopped worker after 30 s, and the last re-read of a
 * verification comes 30 s after the return.
 */
const PATIENCE_MS = 100_000;

export async function openWebScene(options?: Options): Promise<WebScene> {
  const browser = await launchBrowser(); // the browser is started first, so that no other process is started if there is no browser
  const service = await openService(options).catch(async (err: unknown) => {
    await browser.close();
    throw err;
  });
  const view: WebScene['view'] = (key) => service.stage.auth.view(key);
  const complaints: string[] = [];
  const session: WebScene['session'] = async (keys, more) => {
    const token = await service.session(keys, more);
    const isRead = ({ state }: View) => state !== 'fetchingConnector';
    await Promise.all(keys.map((key) => eventually(() => view(key), isRead)));
    return token;
  };
  const someone = async () => {
    const context = await browser.newContext({
      locale: 'en-GB',
      reducedMotion: 'reduce',
    }); /* with reduced motion, the page does not open the next connector by itself after a success */
    context.setDefaultTimeout(PATIENCE_MS);
    context.on('weberror', (error) => complaints.push(error.error().message));
    // On a busy machine, the service can answer 503, and the page repeats the call.
    const isFault = (text: string) => !/Failed to load resource.*\b503\b/.test(text);
    context.on('console', (message) => {
      if (message.type() === 'error' && isFault(message.text())) complaints.push(message.text());
    });
    return context;
  };
  return {
    service,
    browser,
    complaints,
    someone,
    async everybodyLeaves() {
      await Promise.all(browser.contexts().map((context) => context.close()));
      complaints.length = 0;
    },
    view,
    session,
    install<Names extends string[]>(...connectors: Names) {
      const accountId = `account-${randomUUID()}`;
      const keys = connectors.map((connector) => service.stage.install(connector, { accountId }));
      return keys as { [N in keyof Names]: ConnectorKey };
    },
    async open(keys, { session: more = {}, context, before } = {}) {
      const token = await session(keys, { accountLabel: 'Acme Ltd', ...more });
      const page = await (context ?? (await someone())).newPage();
      await before?.(page);
      await page.goto(`${service.url}/connect#session=${token}`);
      return page;
    },
    async gives(key) {
      const submissionId = randomUUID();
      const credentials = await service.stage.sealed(key, submissionId, { kind: 'apiKey', key: 'right' });
      return persistently(() => service.stage.auth.submitCredentials(key, { submissionId, credentials }));
    },
    reaches: (key, state) =>
      eventually(
        () => view(key),
        (seen) => seen.state === state,
      ),
    async close() {
      await browser.close();
      await service.close();
    },
  };
}
