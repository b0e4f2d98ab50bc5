import { badRequest } from './refusal';
import type { Decision } from './oauth';
import { CONSENT } from './pages';

/** The end of a visit to a consent link: the last answer that the browser gets. */
export interface ConsentOutcome {
  /** The status of the answer: 302 for a redirect, otherwise the status of a page. */
  status: number;
  /** The target of the redirect. `consentInBrowser` does not follow the redirect. */
  location?: string;
  /** The consent. Absent if Cyclr showed no consent page. */
  consent?: { id: string };
}

const LOOPBACK = ['127.0.0.1', 'localhost'];

/** True for an http address on this machine. */
export function isLoopback(url: string): boolean {
  const { protocol, hostname } = URL.canParse(url) ? new URL(url) : { protocol: '', hostname: '' };
  return protocol === 'http:' && LOOPBACK.includes(hostname);
}

/**
 * Opens a consent link of this sandbox and sends the decision, as a browser does. Fails: a Refusal (400) for any other
 * link.
 */
export async function consentInBrowser(sandboxUrl: string, link: string, decision: Decision): Promise<ConsentOutcome> {
  const opened = await fetch(ownLink(sandboxUrl, link), { redirect: 'manual' });
  const [, id] = /name="consent" value="([^"]+)"/.exec(await opened.text()) ?? [];
  if (id === undefined) return outcomeOf(opened);

  const body = new URLSearchParams({ consent: id, decision });
  const decided = await fetch(sandboxUrl + CONSENT, { method: 'POST', body, redirect: 'manual' });
  await decided.text();
  return { ...outcomeOf(decided), consent: { id } };
}

/**
 * Returns the link with the origin of `sandboxUrl`. Fails: a Refusal (400) if the link names another machine or port,
 * so that a test finds a wrong link.
 */
function ownLink(sandboxUrl: string, link: string): string {
  const given = isLoopback(link) ? new URL(link) : undefined;
  if (given?.port !== new URL(sandboxUrl).port) throw badRequest('The url is no link of this sandbox.');
  return sandboxUrl + given.pathname + given.search;
}

function outcomeOf({ status, headers }: Response): ConsentOutcome {
  const location = headers.get('location');
  return { status, ...(location !== null && { location }) };
}
