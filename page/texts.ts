/**
 * Prepares texts from Cyclr and from authors of connectors. The page shows these texts as text, never as HTML. All
 * functions here are pure, and none uses the DOM.
 */
import type { Help } from '../workflows/connector';

/**
 * The text. Undefined if the text is empty, or if the text is the word "null" or "undefined", which some connectors
 * have instead of an absent text.
 */
export const textOf = (text: string | undefined): string | undefined =>
  text === undefined || ['', 'null', 'undefined'].includes(text.trim().toLowerCase()) ? undefined : text;

/**
 * The operator's help in a language, with its link at the end. For a language without a text, the text of `default`.
 */
export function helpIn(help: Help | undefined, tag: string): string | undefined {
  const { text, link } = help?.[tag] ?? help?.default ?? {};
  return [text, link].filter(Boolean).join(' ') || undefined;
}

/** An address in a text, and the host that its link shows. */
export interface Link {
  href: string;
  host: string;
}

/** Finds an https address in a text. The address ends before a quote, a bracket, or the punctuation of the sentence. */
const ADDRESS = /(https:\/\/[^\s"'<>()[\]{}]+[^\s"'<>()[\]{}.,;:!?])/;

/** A text in parts: plain texts, and links to https addresses. Other addresses stay plain texts. */
export function partsOf(text: string): (string | Link)[] {
  const parts = text.split(ADDRESS);
  return parts.map((part, at) => (at % 2 === 1 && linkOf(part)) || part).filter((part) => part !== '');
}

/**
 * The link of an address. Undefined for an address with a user name, because a reader would take the user name for the
 * host.
 */
function linkOf(address: string): Link | undefined {
  if (!URL.canParse(address)) return undefined;
  const { protocol, username, password, href, host } = new URL(address);
  return protocol === 'https:' && username + password === '' ? { href, host } : undefined;
}
