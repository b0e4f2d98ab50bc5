/** Texts that Cyclr or a connector's author wrote. They are shown as text, never read as HTML. Pure. */
/** The text; undefined if it is empty or the word "null", which some connectors have in place of no text. */
export const textOf = (text: string | undefined): string | undefined =>
  text === undefined || ['', 'null', 'undefined'].includes(text.trim().toLowerCase()) ? undefined : text;

/** An address in a text, and the host that its link shows. */
export interface Link {
  href: string;
  host: string;
}

/** An address ends before a quote, a bracket, or the punctuation of its sentence. */
const ADDRESS = /(https:\/\/[^\s"'<>()[\]{}]+[^\s"'<>()[\]{}.,;:!?])/;

/** A text in parts: plain texts, and links to https addresses. Other addresses stay plain texts. */
export function partsOf(text: string): (string | Link)[] {
  const parts = text.split(ADDRESS);
  return parts.map((part, at) => (at % 2 === 1 && linkOf(part)) || part).filter((part) => part !== '');
}

/** Undefined for an address with a user name: a user would take it for the host. */
function linkOf(address: string): Link | undefined {
  if (!URL.canParse(address)) return undefined;
  const { protocol, username, password, href, host } = new URL(address);
  return protocol === 'https:' && username + password === '' ? { href, host } : undefined;
}
