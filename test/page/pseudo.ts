/**
 * Two artificial languages with marks in each text. A text without marks on the page does not come from the language
 * files.
 */
import type { Page } from 'playwright-core';

/** The mark before each message of the artificial languages. */
export const MARK = '⟦';

/**
 * Adds two languages. The messages of `pseudo` have a mark at both ends and are about 40 % longer than in English;
 * `mirrored` has the same messages from right to left. Arguments of a message, such as a name, are not changed.
 */
export async function addPseudo(page: Page): Promise<void> {
  await page.evaluate(`(async () => {
    const { languages } = await import(new URL('connect/cyclr-connect.js', location.href).href);
    const keep = (text) => '\\uE000' + text + '\\uE001';
    const longer = (text) => text.replace(/[aeiouy]/gi, (vowel) => vowel + '\\u0301' + vowel);
    const said = (text) => '⟦' + text.split(/(\\uE000[^]*?\\uE001)/).map((part) => part.startsWith('\\uE000') ? part.slice(1, -1) : longer(part)).join('') + '⟧';
    const changed = (message) =>
      typeof message === 'string' ? said(message)
      : typeof message === 'function' ? (...given) => said(message(...given.map((value) => typeof value === 'string' ? keep(value) : value)))
      : Object.fromEntries(Object.entries(message).map(([name, inner]) => [name, changed(inner)]));
    languages.pseudo = { ...changed(languages.en), tag: 'en', direction: 'ltr' };
    languages.mirrored = { ...languages.pseudo, direction: 'rtl' };
  })()`);
}

export async function speak(page: Page, language: string): Promise<void> {
  await page.evaluate(`(async () => {
    const { languages } = await import(new URL('connect/cyclr-connect.js', location.href).href);
    const element = document.querySelector('cyclr-connect');
    element.language = ${JSON.stringify(language)};
    while (!languages[element.language]) await new Promise((resolve) => setTimeout(resolve, 10));
    await new Promise((resolve) => setTimeout(resolve));
    await element.updateComplete;
  })()`);
}

/** Returns all texts of the page that contain letters, also the texts of attributes and hidden elements. */
export const textsOn = (page: Page): Promise<string[]> =>
  page.evaluate(`(() => {
    const { shadowRoot } = document.querySelector('cyclr-connect');
    const texts = [document.title];
    const walker = document.createTreeWalker(shadowRoot, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) if (walker.currentNode.parentElement?.localName !== 'style') texts.push(walker.currentNode.data);
    for (const element of shadowRoot.querySelectorAll('*'))
      for (const name of ['aria-label', 'alt', 'title', 'placeholder', 'aria-description']) texts.push(element.getAttribute(name) ?? '');
    return texts.map((text) => text.trim()).filter((text) => /\\p{L}/u.test(text));
  })()`);
