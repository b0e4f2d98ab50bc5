/**
 * Measures the connect page with 22 connectors on a slow phone: a CPU that is four times slower, and slow 4G. Prints
 * the median of each time over several loads. On a busy machine the times are longer.
 */
import type { Page } from 'playwright-core';
import { catalogue } from '../../sandbox/catalogue';
import { describeInBrowser } from './browser';
import { openWebScene, type WebScene } from './scene';

const LOADS = 5;
const READS = 50;
/** Slow 4G, as Lighthouse emulates it: 1.6 Mbit/s down, 750 kbit/s up, 150 ms for each request. */
const slow4G = { offline: false, latency: 150, downloadThroughput: 1_600_000 / 8, uploadThroughput: 750_000 / 8 };

interface Load {
  /** Milliseconds from the start of the navigation until the first contentful paint. */
  firstPaint: number;
  /** Milliseconds from the start of the navigation until the list shows every connector and an input. */
  usableList: number;
  /** The cumulative layout shift. */
  shift: number;
}

const observe = `(() => {
  window.shift = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.shift += entry.value;
  }).observe({ type: 'layout-shift', buffered: true });
  const look = () => {
    const root = document.querySelector('cyclr-connect')?.shadowRoot;
    const rows = root?.querySelectorAll('.row:not(:has(.skeleton))').length ?? 0;
    if (rows === ${catalogue.length} && root.querySelector('li.open input')) window.usableList = performance.now();
    else requestAnimationFrame(look);
  };
  look();
})()`;

const measured = `(async () => {
  while (window.usableList === undefined) await new Promise(requestAnimationFrame);
  const [{ startTime }] = performance.getEntriesByName('first-contentful-paint');
  return { firstPaint: startTime, usableList: window.usableList, shift: window.shift };
})()`;

let scene: WebScene;

async function slowPage(): Promise<Page> {
  const page = await (await scene.someone()).newPage();
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Network.enable');
  await devtools.send('Network.emulateNetworkConditions', slow4G);
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: 4 });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.addInitScript(observe);
  return page;
}

async function load(token: string): Promise<Load> {
  const page = await slowPage();
  await page.goto(`${scene.service.url}/connect#session=${token}`);
  const load = await page.evaluate<Load>(measured);
  await page.context().close();
  return load;
}

async function msOfRead(token: string): Promise<number> {
  const from = performance.now();
  const response = await fetch(`${scene.service.url}/v1/session`, { headers: { Authorization: `Bearer ${token}` } });
  const { connectors } = (await response.json()) as { connectors: unknown[] };
  expect(connectors).toHaveLength(catalogue.length);
  return performance.now() - from;
}

async function times<T>(count: number, measure: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let at = 0; at < count; at++) results.push(await measure());
  return results;
}

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

describeInBrowser('the speed of the connect page', () => {
  beforeAll(async () => (scene = await openWebScene()));
  afterAll(() => scene?.close());

  test('the list of 22 connectors appears without a shift of the layout on a slow phone', async () => {
    const keys = scene.install(...catalogue.map(({ key }) => key));
    const token = await scene.session(keys, { accountLabel: 'Acme Ltd' });
    await load(token);

    const loads = await times(LOADS, () => load(token));
    const reads = await times(READS, () => msOfRead(token));

    const of = (value: (load: Load) => number) => Math.round(median(loads.map(value)));
    process.stdout.write(
      `First contentful paint ${of(({ firstPaint }) => firstPaint)} ms, usable list ` +
        `${of(({ usableList }) => usableList)} ms (medians of ${LOADS} loads). ` +
        `GET /v1/session of ${keys.length} connectors: p50 ${median(reads).toFixed(1)} ms.\n`,
    );
    expect(loads.map(({ shift }) => shift)).toEqual(loads.map(() => 0));
  });
});
