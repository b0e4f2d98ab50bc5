/** The page that a browser comes back to. */
export {};

const LOOK_EVERY_MS = 5000;

/** In the tab that it left: leads back to the entry of the history that it was. */
function offerWayBack(): void {
  const button = document.querySelector<HTMLButtonElement>('#back');
  const steps = Number(button?.dataset.depth) - history.length;
  if (!button || !(steps < 0)) return;
  button.hidden = false;
  button.addEventListener('click', () => history.go(steps));
}

/** What the service says by now; undefined where it says nothing of use. */
async function outcomeByNow(): Promise<{ title: string; outcome: HTMLElement } | undefined> {
  const response = await fetch(location.href, { cache: 'no-store' }).catch(() => undefined);
  if (!response?.ok) return undefined;
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  const outcome = page.querySelector<HTMLElement>('#outcome');
  return outcome ? { title: page.title, outcome } : undefined;
}

/** Says what came of it as soon as it is known, in place: a page that loads anew would begin to be read anew. */
async function settle(shown: HTMLElement): Promise<void> {
  while (shown.dataset.settled === 'false') {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
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
