/** The HTML and the limit that the pages without the element `<cyclr-connect>` share. */
import type { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { html, type Html, type Page } from './html';
import type { PageWords } from './page-words';

/** The limit of calls of one session, or for one attempt, in a minute. */
export const MAX_CALLS = 30;

/** Makes the HTML of a whole page, with the header and the footer of the brand. */
export type Draw = (page: Omit<Page, 'header'>) => string;

export const show = (reply: FastifyReply, content: string | Readable): FastifyReply =>
  reply.type('text/html; charset=utf-8').send(content);

/** The script of the pages without the element. */
export const script = html`<script type="module" src="return.js"></script>`;

/**
 * A text and a button. Without `depth`, the page is in a window of its own, and the button closes this window. With
 * `depth`, the page is in the tab of the connect page, and the button goes back through the history of the tab, because
 * no URL contains the session.
 */
export function wayBack(words: PageWords, depth: string | undefined, text: string, isTry = false): Html {
  const label = isTry ? words.retry : depth === undefined ? words.close : words.back;
  return depth === undefined
    ? html`<p>${text}</p>
        <button class="button" id="close" hidden>${label}</button>`
    : html`<p>${words.goBack}</p>
        <button class="button" id="back" data-depth="${depth}" hidden>${label}</button>`;
}
