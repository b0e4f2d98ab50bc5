/** The page in a browser, with everything behind it. */
import { randomUUID } from 'node:crypto';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { ConnectorKey } from '../../workflows/connector';
import type { View } from '../../workflows/messages';
import { openService, type Options, type Service } from '../service/scene';
import { eventually } from '../support/eventually';
import { launchBrowser } from './browser';

export interface WebScene {
  service: Service;
  browser: Browser;
  /** What browsers complained about: errors of scripts, and what a policy forbids. */
  complaints: string[];
  /** A browser of somebody: nothing is shared with another one. */
  someone(): Promise<BrowserContext>;
  /** All of them are closed, and what they complained about is forgotten. */
  everybodyLeaves(): Promise<unknown>;
  /** Installs these connectors of the catalogue in one account. */
  install<Names extends string[]>(...connectors: Names): { [N in keyof Names]: ConnectorKey };
  /** The token of a session, once none of its connectors is still being read: which one a page shows first is then known. */
  session(keys: ConnectorKey[], more?: object): Promise<string>;
  /** The hosted page, as a user gets it. */
  open(keys: ConnectorKey[], options?: OpenOptions): Promise<Page>;
  view(key: ConnectorKey): Promise<View>;
  /** Gives a good API key, as somebody else than the page. */
  gives(key: ConnectorKey): Promise<View>;
  reaches(key: ConnectorKey, state: View['state']): Promise<View>;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Of the session. */
  session?: object;
  context?: BrowserContext;
  /** Done before the page is there. */
  before?: (page: Page) => Promise<unknown>;
}

/** What a user sees, and looks for. */
export const heading = (page: Page, name: string) => page.getByRole('heading', { name, exact: true });
export const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
export const field = (page: Page, name: string) => page.getByLabel(name, { exact: true });

const PATIENCE_MS = 30_000;

export async function openWebScene(options?: Options): Promise<WebScene> {
  const browser = await launchBrowser(); // first: where there is none, nothing else is started
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
    const context = await browser.newContext({ locale: 'en-GB' });
    context.setDefaultTimeout(PATIENCE_MS);
    context.on('weberror', (error) => complaints.push(error.error().message));
    context.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
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
      return service.stage.auth.submitCredentials(key, { submissionId, credentials });
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
