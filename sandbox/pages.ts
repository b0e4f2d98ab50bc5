import { createHash } from 'node:crypto';
import type { Decision } from './oauth';
import type { OpenConsent } from './state';

/** HTML that {@link markup} inserts without escaping. */
class Markup {
  constructor(readonly text: string) {}
}

/** A template tag that escapes each value that is not {@link Markup}. */
function markup(parts: TemplateStringsArray, ...values: (string | Markup)[]): Markup {
  const texts = values.map((value) => (value instanceof Markup ? value.text : escaped(value)));
  return new Markup(String.raw({ raw: parts }, ...texts));
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] ?? '');

/** The path to which the consent page posts the user's decision. The form has the fields `consent` and `decision`. */
export const CONSENT = '/connectorauth/consent';

const style = new Markup(
  'body{font:1rem/1.5 sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem}' +
    'button{font:inherit;padding:.5rem 1rem;min-width:12rem}code{overflow-wrap:anywhere}',
);

const postMessage = new Markup(
  'const { message, origin } = document.currentScript.dataset; window.opener?.postMessage(message, origin);',
);

const hashOf = ({ text }: Markup): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** The headers of every page. */
export const pageHeaders = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  // The policy has no form-action, because Chrome also applies form-action to the redirect after a decision.
  'content-security-policy':
    `default-src 'none'; img-src data:; style-src ${hashOf(style)}; script-src ${hashOf(postMessage)}; ` +
    "base-uri 'none'; frame-ancestors 'none'",
};

/** For each decision, the label of its button and the meaning of the decision. */
const choices: Record<Decision, [label: string, meaning: string]> = {
  approve: ['Approve', 'Cyclr gets tokens, and your browser returns.'],
  decline: ['Decline', 'Cyclr gets no tokens, and your browser returns.'],
  error: ['Provider error', 'You get an error page, and your browser does not return.'],
  close: ['Close', 'Nothing changes. Closing this tab does the same.'],
};

/** Returns the HTML of the consent page of the sandbox. With a real Cyclr, the third party serves the consent page. */
export function consentPage({ id, accountId }: OpenConsent, connectorName: string): string {
  const buttons = Object.entries(choices).map(
    ([decision, [label, meaning]]) =>
      markup`<p><button name="decision" value="${decision}" aria-describedby="${decision}">${label}</button>
<span id="${decision}">${meaning}</span></p>`.text,
  );
  return page(
    `Connect ${connectorName}`,
    markup`<p>You are connecting <strong>${connectorName}</strong> for the account <strong>${accountId}</strong>.</p>
<p>This page of the sandbox takes the place of the third party's page. Choose a decision:</p>
<form method="post" action="${CONSENT}">
<input type="hidden" name="consent" value="${id}">
${new Markup(buttons.join('\n'))}
</form>`,
  );
}

/** Returns the page with which Cyclr answers an invalid sign-in token. */
export const forbiddenPage = (): string =>
  page(
    '403 – Forbidden: Access is denied.',
    markup`<p>This link was used before, has expired, or is not meant for this connector.</p>
<p>Go back to the page before, and request a new link.</p>`,
  );

/** Returns Cyclr's error page, which does not redirect the browser. */
export const errorPage = (reason: string): string =>
  page(
    'Something went wrong',
    markup`<p>${reason}</p>
<p>Go back to the page before, and request a new link.</p>`,
  );

export const closedPage = (): string =>
  page('You can close this tab', markup`<p>Nothing was changed. The link can't be used again.</p>`);

/** Returns a page that sends `message` to its opener window. Only a window of the origin `origin` gets the message. */
export const messagePage = (message: string, origin: string): string =>
  page(
    'You can close this window',
    markup`<p>The page that opened this window has been informed.</p>
<script data-message="${message}" data-origin="${origin}">${postMessage}</script>`,
  );

/** Returns the page `/return`, the default target of the redirect after a decision. */
export const returnPage = (): string =>
  page(
    'You are back from Cyclr',
    markup`<p>This page does not prove that the connector is authenticated: a browser also returns after a declined consent.
Only Cyclr can tell.</p>
<p>If a page sent you here, go back to it. If you use the command line, run:</p>
<p><code>cyclr-connect confirm ACCOUNT CONNECTOR</code></p>
<p>You can close this tab.</p>`,
  );

function page(title: string, content: Markup): string {
  return markup`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${content}
</main>
</body>
</html>
`.text;
}
