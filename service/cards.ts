/** The HTML and the limit that the pages without the element `<cyclr-connect>` share. */
import type { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { html, type Html, type Page } from './html';
import type { ConnectorKey } from '../workflows/connector';
import type { PageWords } from './page-words';

/** The highest number of calls in a minute for one session or one attempt. */
export const MAX_CALLS = 30;

/** Makes the HTML of a whole page, with the header and the footer of the brand. */
export type Draw = (page: Omit<Page, 'header'>) => string;

export const show = (reply: FastifyReply, content: string | Readable): FastifyReply =>
  reply.type('text/html; charset=utf-8').send(content);

/** The script of the pages without the element. */
export const script = html`<script type="module" src="return.js"></script>`;

/**
 * A text, and a button that leads back to the connect page. Without `depth`, this page is in a separate window, and the
 * button closes this window. With `depth`, this page is in the tab of the connect page, and the button goes back
 * through the history of the tab, because no URL contains the session. With `retried`, a click on the button asks for
 * another link for the connector `retried`.
 */
export function wayBack(words: PageWords, depth: string | undefined, text: string, retried?: ConnectorKey): Html {
  const label = retried ? words.retry : depth === undefined ? words.close : words.back;
  return depth === undefined
    ? html`<p>${text}</p>
        <button class="button" id="close" ${retried ? retryOf(retried) : html``} hidden>${label}</button>`
    : html`<p>${words.goBack}</p>
        <button class="button" id="back" data-depth="${depth}" hidden>${label}</button>`;
}

/** Names the connector for page/return.ts, which asks the connect page for another link. */
const retryOf = ({ accountId, connectorId }: ConnectorKey): Html =>
  html` data-account="${accountId}" data-connector="${connectorId.toString()}"`;
