import { createHash } from 'node:crypto';
import { Markup, markup } from './markup';
import type { Decision } from './oauth';
import type { OpenConsent } from './state';

/** Where decisions are posted, as a form with `consent` and `decision`. */
export const CONSENT = '/connectorauth/consent';

const style = new Markup(
  'body{font:1rem/1.5 sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem}' +
    'button{font:inherit;padding:.5rem 1rem;min-width:12rem}code{overflow-wrap:anywhere}',
);

const postMessage = new Markup(
  'const { message, origin } = document.currentScript.dataset; window.opener?.postMessage(message, origin);',
);

const hashOf = ({ text }: Markup): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** What every page of the service domain is sent with. */
export const pageHeaders = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  // No form-action: Chrome applies it to where a decision is redirected, too.
  'content-security-policy':
    `default-src 'none'; img-src data:; style-src ${hashOf(style)}; script-src ${hashOf(postMessage)}; ` +
    "base-uri 'none'; frame-ancestors 'none'",
};

/** What a user can do, and what comes of it. */
const choices: Record<Decision, [label: string, meaning: string]> = {
  approve: ['Approve', 'Cyclr gets tokens, and you go back.'],
  decline: ['Decline', 'Cyclr gets no tokens, and you go back all the same.'],
  error: ['Provider error', 'You end on an error page and do not go back.'],
  close: ['Close', 'You give up. You can as well just close this tab.'],
};

/** Where the user decides; it stands for the third party's own page. */
export function consentPage({ id, accountId }: OpenConsent, connectorName: string): string {
  const buttons = Object.entries(choices).map(
    ([decision, [label, meaning]]) =>
      markup`<p><button name="decision" value="${decision}" aria-describedby="${decision}">${label}</button>
<span id="${decision}">${meaning}</span></p>`.text,
  );
  return page(
    `Connect ${connectorName}`,
    markup`<p>You are connecting <strong>${connectorName}</strong> for the account <strong>${accountId}</strong>.</p>
<p>This page of the sandbox stands for the third party's own. Choose what its user does:</p>
<form method="post" action="${CONSENT}">
<input type="hidden" name="consent" value="${id}">
${new Markup(buttons.join('\n'))}
</form>`,
  );
}

/** Cyclr's own answer to a sign-in token that is no good. */
export const forbiddenPage = (): string =>
  page(
    '403 – Forbidden: Access is denied.',
    markup`<p>This link was used before, has expired, or is not meant for this connector.</p>
<p>Go back to where you came from and ask for a new one.</p>`,
  );

/** Cyclr's error page: nobody is sent back from here. */
export const errorPage = (reason: string): string =>
  page(
    'Something went wrong',
    markup`<p>${reason}</p>
<p>Go back to where you came from and ask for a new link.</p>`,
  );

export const closedPage = (): string =>
  page('You can close this tab', markup`<p>Nothing was changed, and nobody is told. The link is used up.</p>`);

/** Tells the window that opened this one, and nobody else. */
export const messagePage = (message: string, origin: string): string =>
  page(
    'You can close this window',
    markup`<p>The page that opened it has been told that you are done here.</p>
<script data-message="${message}" data-origin="${origin}">${postMessage}</script>`,
  );

/** `/return`: where a browser ends when nobody said where it should. */
export const returnPage = (): string =>
  page(
    'You are back from Cyclr',
    markup`<p>That proves nothing yet: a browser comes back after a refusal, too, and anybody can open this address.
Only Cyclr itself can tell whether the connector is authenticated.</p>
<p>If you came from a page, go back to it. If you came from a command line, ask there:</p>
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
