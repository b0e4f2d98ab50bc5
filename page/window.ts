/**
 * Opens the third party's consent: posts a form to the service, in a window that the user's click opens, or in this
 * tab.
 */

const FEATURES = 'popup,width=560,height=760';

export interface ConsentForm {
  /** The base URL of the service, with a slash at its end. */
  service: string;
  token: string;
  connectorId: number;
  /** The connector's name, which the window shows until it has the link. */
  name: string;
}

/**
 * Opens the window of this name, or reuses the open window of this name, and posts the form to the window. Call this
 * function in the click handler, before any await: browsers block a window that a script opens later. Returns undefined
 * if the browser blocked the window.
 *
 * `frame`, a sandboxed and empty frame, becomes the opener of the window. The third party can neither read nor navigate
 * this frame. Without an opener in this page, browsers do not find the window again by its name.
 */
export function postToWindow(form: ConsentForm, name: string, frame?: HTMLIFrameElement | null): Window | undefined {
  const framed = frame?.contentWindow?.open('', name, FEATURES);
  const opened = framed ?? window.open('', name, FEATURES);
  if (!opened) return undefined;
  post(form, name);
  if (!framed) opened.opener = null;
  opened.focus();
  return opened;
}

/** Posts the form in this tab. The return page then leads back through the tab's history (see return.ts). */
export function postToThisTab(form: ConsentForm): void {
  // `history.length` also counts the entries after the present entry, such as the pages of an earlier consent. A new
  // entry removes these entries. Without it, only the way back can be lost.
  try {
    history.pushState(history.state, '');
  } catch {
    // A script of the host page, or a limit of the browser, forbids it.
  }
  post(form, '_self', { depth: `${Math.min(history.length, 99)}` });
}

function post({ service, token, connectorId, name }: ConsentForm, target: string, more: { depth?: string } = {}): void {
  const form = document.createElement('form');
  form.hidden = true;
  Object.assign(form, { method: 'post', action: `${service}connect/go`, target });
  const fields = { session: token, connectorId: `${connectorId}`, name, ...more };
  for (const [field, value] of Object.entries(fields)) {
    form.append(Object.assign(document.createElement('input'), { type: 'hidden', name: field, value }));
  }
  document.body.append(form);
  form.submit();
  form.remove();
}

const CHECK_EVERY_MS = 500;

export interface WindowWatchParts {
  /**
   * True if `closed` of the window handle can be trusted. Under the opener policy `same-origin` of a host page, the
   * handle's `closed` becomes true as soon as the window shows a page of another site, even while the window is open.
   */
  isOurs(): boolean;
  closed(): void;
}

/** Calls `closed` once after the window was closed. Returns a function that ends the watch. */
export function watchWindow(opened: Pick<Window, 'closed'>, { isOurs, closed }: WindowWatchParts): () => void {
  let isKnown = isOurs(); // this first call is needed if the user closes the window before the first check
  const timer = setInterval(() => {
    if (!opened.closed) return void (isKnown ||= isOurs());
    clearInterval(timer);
    if (isKnown) closed();
  }, CHECK_EVERY_MS);
  return () => clearInterval(timer);
}

/**
 * Finds browsers inside other apps, because these browsers open no windows: web views of Android and iOS, and known
 * apps.
 */
const IN_APP = [
  /; wv\)/,
  /\bFB(AN|AV|_IAB)\b/,
  /\b(Instagram|MicroMessenger|Snapchat|TikTok|LinkedInApp|GSA)\b/,
  /\bLine\//,
];

/** True if the user agent is a browser inside another app. */
export const isInApp = (userAgent: string): boolean =>
  IN_APP.some((known) => known.test(userAgent)) ||
  (/\b(iPhone|iPad|iPod)\b/.test(userAgent) && /AppleWebKit/.test(userAgent) && !/\bSafari\//.test(userAgent));
