/** The script of the return page. */
export {};

const REFRESH_EVERY_MS = 5000;

/** After a consent in the same tab, shows a button that goes back to the connect page in the tab's history. */
function offerWayBack(): void {
  const button = document.querySelector<HTMLButtonElement>('#back');
  const steps = Number(button?.dataset.depth) - history.length;
  if (!button || !(steps < 0)) return;
  button.hidden = false;
  button.addEventListener('click', () => history.go(steps));
}

/** The outcome as the service shows it now; undefined if the service does not answer. */
async function outcomeByNow(): Promise<{ title: string; outcome: HTMLElement } | undefined> {
  const response = await fetch(location.href, { cache: 'no-store' }).catch(() => undefined);
  if (!response?.ok) return undefined;
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  const outcome = page.querySelector<HTMLElement>('#outcome');
  return outcome ? { title: page.title, outcome } : undefined;
}

/** Shows the outcome as soon as it is known, without a reload: a screen reader would read the whole page again. */
async function settle(shown: HTMLElement): Promise<void> {
  while (shown.dataset.settled === 'false') {
    await new Promise((resolve) => setTimeout(resolve, REFRESH_EVERY_MS));
    const now = await outcomeByNow();
    if (now?.outcome.dataset.settled !== 'true') continue;
    document.title = now.title;
    shown.replaceChildren(...now.outcome.childNodes);
    shown.dataset.settled = 'true';
    offerWayBack();
  }
}

offerWayBack();
void settle(document.querySelector('#outcome')!);
