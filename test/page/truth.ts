/** Compares the texts of an open connect page with the states of the flows, in a loop. */
import type { Page } from 'playwright-core';
import type { StateName } from '../../workflows/messages';
import type { WebScene } from './scene';

const COMPARE_EVERY_MS = 250;
/**
 * The page may show an untrue text in at most this number of comparisons in a row, which take at least 10 s. While the
 * machine is frozen, there is no comparison.
 */
const MAY_LAST = 10_000 / COMPARE_EVERY_MS;

interface Seen {
  progress: string;
  /** The text of the banner that gives the reason why the service can't be used. */
  banner: string | null;
  /** The number of rows that say connected. */
  connected: number;
  open: { connectorId: number; panel: string } | null;
}

/** Returns what the page shows, or null if the page is loading or has no list. */
const seenOn = (page: Page): Promise<Seen | null> =>
  page
    .evaluate<Seen | null>(
      `(() => {
    const root = document.querySelector('cyclr-connect')?.shadowRoot;
    if (!root?.querySelector('.groups')) return null;
    const panel = root.querySelector('li.open .panel');
    return {
      progress: root.querySelector('#progress')?.textContent ?? '',
      banner: root.querySelector('.away span')?.textContent ?? null,
      connected: root.querySelectorAll('.chip.connected').length,
      open: panel && { connectorId: Number(panel.parentElement.id.split('-')[1]), panel: panel.classList[1] },
    };
  })()`,
    )
    .catch(() => null);

const forms = ['properties', 'apiKey', 'basic', 'fields', 'tokens', 'consent'];
/**
 * For each state of a flow, the panels that the page may show. A form stays open while the flow applies the input of
 * the form.
 */
const truePanels: Record<StateName, string[]> = {
  fetchingConnector: ['reading'],
  awaitingProperties: ['properties'],
  applyingProperties: ['applying', ...forms],
  awaitingCredentials: ['apiKey', 'basic', 'fields', 'tokens'],
  applyingCredentials: ['applying', ...forms],
  awaitingAuthorization: ['consent'],
  verifyingAuthorization: ['verifying'],
  authenticated: ['connected'],
  expired: ['expired'],
  cancelled: ['cancelled'],
  failed: ['failed'],
  unsupported: ['unsupported'],
};

/**
 * Watches the page until `stop()` is called. `stop()` returns the texts that were untrue in more than MAY_LAST
 * comparisons in a row.
 * `progress(n)` returns the text that the page shows if `n` connectors are connected.
 */
export function watchTruth(scene: WebScene, page: Page, accountId: string, progress: (done: number) => string) {
  const untrue: string[] = [];
  /** For each text that is untrue at present, the number of comparisons in a row that found the text. */
  const times = new Map<string, number>();
  let answeredAt = 0;
  let compared = 0;
  let bannerSince = Infinity;
  page.on('response', (answer) => {
    if (answer.ok() && answer.url().includes('/v1/session')) answeredAt = Date.now();
  });
  const faultsNow = async (): Promise<string[] | undefined> => {
    const seen = await seenOn(page);
    if (!seen) return [];
    const list = await scene.service.asBackend('GET', `/v1/accounts/${accountId}/connectors?pageSize=100`);
    if (list.status !== 200) return undefined; // on a busy machine, Temporal can be slow
    compared++;
    const items = list.body.items as { connectorId: number; state: StateName }[];
    const done = items.filter(({ state }) => state === 'authenticated').length;
    const state = items.find(({ connectorId }) => connectorId === seen.open?.connectorId)?.state;
    bannerSince = seen.banner === null ? Infinity : Math.min(bannerSince, Date.now());
    return [
      ...(seen.progress && seen.progress !== progress(done)
        ? [`The page says ${seen.progress}, but ${done} are connected`]
        : []),
      ...(seen.connected !== done
        ? [`${seen.connected} rows say connected, but ${done} connectors are connected`]
        : []),
      ...(state && !truePanels[state].includes(seen.open!.panel)
        ? [`The page shows the panel ${seen.open!.panel} in the state ${state}`]
        : []),
      ...(seen.banner !== null && answeredAt > bannerSince ? [seen.banner] : []),
    ];
  };
  const compare = async () => {
    const faults = await faultsNow();
    if (!faults) return;
    for (const known of times.keys()) if (!faults.includes(known)) times.delete(known);
    for (const fault of faults) {
      const count = (times.get(fault) ?? 0) + 1;
      times.set(fault, count);
      if (count > MAY_LAST && !untrue.includes(fault)) untrue.push(fault);
    }
  };
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      await compare();
      await new Promise((resolve) => setTimeout(resolve, COMPARE_EVERY_MS));
    }
  })();
  return {
    stop: async (): Promise<string[]> => {
      isOver = true;
      await watching;
      if (compared < 10) throw new Error(`The loop compared the page only ${compared} times.`);
      return untrue;
    },
  };
}
