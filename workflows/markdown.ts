/** The escaping of markdown for Temporal Web. This file does not import Temporal. */

/**
 * Escapes a text of Cyclr or of a caller for markdown, and puts it on one line. Also escapes `:` and `@`, because some
 * renderers turn each address into a link.
 */
export const escapeMarkdown = (text: string): string =>
  text.replace(/[\\`*_[\]<>#|~&:@]|(?<=www)\./gi, '\\$&').replace(/\s+/g, ' ');
