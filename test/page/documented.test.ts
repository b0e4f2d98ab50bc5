/** Runs the snippets of docs/embedding.md unchanged. */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { freePort } from '../../scripts/local/ports';
import { eventually } from '../support/eventually';
import { describeInBrowser } from './browser';
import { button, field, heading, openRow, openWebScene, type WebScene } from './scene';

const run = promisify(execFile);
const root = join(__dirname, '..', '..');
const text = readFileSync(join(root, 'docs', 'embedding.md'), 'utf8');
/** The address of the service in the guide. The tests replace this address by the address of the running service. */
const SERVICE = 'http://127.0.0.1:8080';
/** The account in the guide. The sandbox has this account from the start. */
const ACCOUNT = 'acme';

let scene: WebScene;
let folder: string;
let site: ChildProcess;
let origin: string;
let settings: NodeJS.ProcessEnv;

/** Returns the code block of the guide that contains `words`, with the real address of the service. */
function snippet(words: string): string {
  const blocks = [...text.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, block]) => block!);
  const found = blocks.filter((block) => block.includes(words));
  if (found.length !== 1) throw new Error(`${found.length} code blocks contain this text: ${words}`);
  return found[0]!.replaceAll(SERVICE, scene.service.url);
}

const write = (name: string, content: string | Buffer) => writeFileSync(join(folder, name), content);

async function startSite(env: NodeJS.ProcessEnv, at: string): Promise<ChildProcess> {
  const options = { cwd: folder, env: { ...process.env, ...env } };
  const started = spawn(process.execPath, ['server.mjs'], { ...options, stdio: ['ignore', 'ignore', 'inherit'] });
  await eventually(
    () => fetch(at),
    ({ ok }) => ok,
  );
  return started;
}

async function openSite(at = origin): Promise<Page> {
  const page = await (await scene.someone()).newPage();
  await page.goto(at);
  return page;
}

async function connectFernhill(page: Page): Promise<void> {
  await openRow(page, 'Fernhill');
  await field(page, 'API key').fill('right');
  await button(page, 'Connect').click();
}

async function connectLedgerly(page: Page): Promise<void> {
  await openRow(page, 'Ledgerly');
  const opening = page.waitForEvent('popup');
  await button(page, 'Go to Ledgerly').click();
  await button(await opening, 'Approve').click();
}

describeInBrowser('the guide to embedding', () => {
  beforeAll(async () => {
    const port = await freePort();
    origin = `http://localhost:${port}`;
    scene = await openWebScene({ allowedOrigins: [origin] });
    folder = mkdtempSync(join(tmpdir(), 'embedding-'));
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    write('server.mjs', snippet('// server.mjs\n'));
    write('index.html', snippet('<!-- index.html -->\n'));
    write('app.jsx', snippet('// app.jsx\n'));
    const { url, apiKey } = scene.service;
    settings = { SERVICE: url, SERVICE_API_KEY: apiKey };
    site = await startSite({ ...settings, PORT: `${port}` }, origin);
  });
  afterAll(async () => {
    if (site?.kill()) await once(site, 'exit');
    if (folder) rmSync(folder, { recursive: true });
    await scene?.close();
  });
  /** Disconnects both connectors before each test, because a new session starts no flow for a connected connector. */
  beforeEach(async () => {
    const nothing = { AuthValue: null, Authenticated: false };
    const Properties = [{ Name: 'Domain', Value: 'acme' }];
    const { auth, sandbox } = scene.service.stage;
    sandbox.update(ACCOUNT, 1002, { ...nothing, Properties });
    sandbox.update(ACCOUNT, 1009, nothing);
    for (const connectorId of [1002, 1009]) await auth.start({ accountId: ACCOUNT, connectorId });
  });
  afterEach(() => scene.everybodyLeaves());

  test('the documented plain HTML site connects a connector and reads its backend', async () => {
    write('app.js', snippet('// app.js\n'));
    const page = await openSite();
    await connectFernhill(page);
    await heading(page, 'Fernhill is connected').waitFor();
    await connectLedgerly(page);
    await button(page, 'See all').click();
    await page.getByText('Connected: Fernhill, Ledgerly').waitFor();
    await button(page, 'Done').click();

    await page.locator('cyclr-connect').waitFor({ state: 'detached' });
    expect(scene.complaints).toEqual([]);
  });

  test.each([
    ['refuses its API key', 401, async () => ({ SERVICE_API_KEY: 'unknown' })],
    ['does not answer', 502, async () => ({ SERVICE: `http://127.0.0.1:${await freePort()}` })],
  ])(
    'if the service %s, the documented backend answers %i, and the documented page says that the element is not available',
    async (_what, status, fault) => {
      write('app.js', snippet('// app.js\n'));
      const port = await freePort();
      const at = `http://localhost:${port}`;
      const broken = await startSite({ ...settings, ...(await fault()), PORT: `${port}` }, at);
      try {
        const page = await openSite(at);

        await page.getByText('Not available at the moment').waitFor();
        expect((await fetch(`${at}/session`, { method: 'POST' })).status).toBe(status);
      } finally {
        broken.kill();
        await once(broken, 'exit');
      }
    },
  );

  test('the documented React component connects a connector in strict mode', async () => {
    write('app.js', execFileSync(process.execPath, [join(__dirname, 'bundle.mjs'), join(folder, 'app.jsx')]));
    const page = await openSite();
    await connectFernhill(page);
    await heading(page, 'Fernhill is connected').waitFor();
    await connectLedgerly(page);

    await page.getByText('Connected: 1002, 1009').waitFor();
    expect(scene.complaints).toEqual([]);
  });

  test('the documented command makes an invitation, and a click turns it into a session', async () => {
    const { url: SERVICE, apiKey: KEY } = scene.service;
    const env = { ...process.env, SERVICE, KEY };
    // The command must run asynchronously, because it calls the service, which runs in this process.
    const { stdout } = await run('bash', ['-c', snippet('"kind": "invitation"}\'')], { env });
    const page = await (await scene.someone()).newPage();
    await page.goto(JSON.parse(stdout).url);
    await button(page, 'Get started').click();
    await connectFernhill(page);

    await heading(page, 'Fernhill is connected').waitFor();
  });

  test('the documented custom properties and parts style the element', async () => {
    write('app.js', snippet('// app.js\n'));
    const page = await openSite();
    await page.evaluate(`{
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(${JSON.stringify(snippet('::part(title)'))});
      document.adoptedStyleSheets.push(sheet);
    }`);

    await page.locator('[part~="button-primary"]').waitFor();
    const style = (name: string, of: string) =>
      page.evaluate(`{
        const part = document.querySelector('cyclr-connect').shadowRoot.querySelector('[part~="${name}"]');
        getComputedStyle(part).${of};
      }`);
    expect(await style('button-primary', 'backgroundColor')).toBe('rgb(11, 110, 79)');
    expect(await style('title', 'fontWeight')).toBe('500');
  });
});
