/** The script of the pages without the element: the return page, and the page that leads to the third party. */
export {};

const REFRESH_EVERY_MS = 5000;
const CLOSE_AFTER_MS = 1000;
/** If the connect page is open in this browser, the connect page answers within this time, even on a slow device. */
const ANSWER_WITHIN_MS = 3000;

/**
 * Shows those of the buttons "back" and "close" that work in this window. After a successful consent, closes the
 * window.
 */
function offerWayBack(): void {
  const back = document.querySelector<HTMLButtonElement>('#back');
  const steps = Number(back?.dataset.depth) - history.length;
  if (back && steps < 0) show(back, () => history.go(steps));
  const close = document.querySelector<HTMLButtonElement>('#close');
  if (close) show(close, () => void retryOrClose(close));
  if (outcome()?.dataset.closes === 'true') setTimeout(() => closeWindow(close), CLOSE_AFTER_MS);
}

const outcome = () => document.querySelector<HTMLElement>('#outcome');

function show(button: HTMLButtonElement, onClick: () => void): void {
  button.hidden = false;
  button.addEventListener('click', onClick);
}

/**
 * Asks the connect page to load another link into this window. If no page answers, or if the button names no connector,
 * closes the window.
 */
async function retryOrClose(button: HTMLButtonElement): Promise<void> {
  button.disabled = true;
  const { account, connector } = button.dataset;
  const isAnswered = account !== undefined && (await isRetried(account, Number(connector)));
  button.disabled = false;
  if (!isAnswered) closeWindow(button);
}

/**
 * Sends the message `retry` of consent-order.ts, and resolves with true if a page answers `retrying`. This script does
 * not import consent-order.ts, because the build would make a third file for the code that two scripts share.
 */
function isRetried(account: string, connectorId: number): Promise<boolean> {
  const channel = new BroadcastChannel(`cyclr-connect ${account}`);
  const answer = new Promise<boolean>((resolve) => {
    channel.onmessage = ({ data }) => (data as { type?: unknown }).type === 'retrying' && resolve(true);
    setTimeout(() => resolve(false), ANSWER_WITHIN_MS);
  });
  channel.postMessage({ type: 'retry', connectorId });
  return answer.finally(() => channel.close());
}

/**
 * Browsers let a script close only windows that a script has opened. Any other window stays open, and shows the text
 * beside the button.
 */
function closeWindow(button: HTMLButtonElement | null): void {
  window.close();
  if (button) button.hidden = true;
}

/** The present outcome from the service. Undefined if the service gives no usable answer. */
async function outcomeByNow(): Promise<{ title: string; outcome: HTMLElement } | undefined> {
  const response = await fetch(location.href, { cache: 'no-store' }).catch(() => undefined);
  if (!response?.ok) return undefined;
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  const found = page.querySelector<HTMLElement>('#outcome');
  return found ? { title: page.title, outcome: found } : undefined;
}

/**
 * Shows the outcome as soon as the service knows the outcome. The script does not reload the page, because a screen
 * reader would read the whole page again.
 */
async function settle(shown: HTMLElement): Promise<void> {
  while (shown.dataset.settled === 'false') {
    await new Promise((resolve) => setTimeout(resolve, REFRESH_EVERY_MS));
    const now = await outcomeByNow();
    if (now?.outcome.dataset.settled !== 'true') continue;
    document.title = now.title;
    shown.replaceChildren(...now.outcome.childNodes);
    Object.assign(shown.dataset, now.outcome.dataset);
    offerWayBack();
  }
}

offerWayBack();
const shown = outcome();
if (shown) void settle(shown);
