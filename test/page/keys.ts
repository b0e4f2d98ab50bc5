/** Operates a page by the keyboard alone. */
import type { Page } from 'playwright-core';

/** The text or label of the focused element. */
export const focused = (page: Page): Promise<string> =>
  page.evaluate(`(() => {
    let { activeElement } = document;
    while (activeElement?.shadowRoot?.activeElement) ({ activeElement } = activeElement.shadowRoot);
    if (activeElement === document.body) return 'nothing';
    const { labels, ariaLabel } = activeElement;
    return ariaLabel ?? (labels?.[0] ?? activeElement).innerText.replace(/\\s+/g, ' ').trim();
  })()`);

/** Presses Tab until an element whose text or label begins with `name` has the focus. */
export async function reach(page: Page, name: string, within = 15): Promise<void> {
  const passed: string[] = [];
  for (let steps = 0; steps < within; steps++) {
    await page.keyboard.press('Tab');
    passed.push(await focused(page));
    if (passed.at(-1)!.startsWith(name)) return;
  }
  throw new Error(`Tab did not reach "${name}". The focus went to: ${passed.join(', ')}`);
}
