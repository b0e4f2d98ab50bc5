/** Opens the third party's consent: a form is posted to a window that the click itself opened. */

const FEATURES = 'popup,width=560,height=760';

export interface ConsentForm {
  /** The base URL of the service, with a slash at its end. */
  service: string;
  token: string;
  connectorId: number;
}

/**
 * Opens a window and posts the form to it. To be called in the click handler, before any await: otherwise browsers
 * block the window. Returns false if the browser blocked the window. The page drops the window's handle, because a
 * closed window proves nothing.
 */
export function postToWindow(form: ConsentForm, name: string): boolean {
  const opened = window.open('', name, FEATURES);
  if (!opened) return false;
  post(form, name);
  opened.opener = null;
  opened.focus();
  return true;
}

/** Posts the form in this tab. The return page then leads back through the tab's history: see return.ts. */
export const postToThisTab = (form: ConsentForm): void =>
  post(form, '_self', { depth: `${Math.min(history.length, 99)}` });

function post({ service, token, connectorId }: ConsentForm, target: string, more: { depth?: string } = {}): void {
  const form = document.createElement('form');
  form.hidden = true;
  Object.assign(form, { method: 'post', action: `${service}connect/go`, target });
  for (const [name, value] of Object.entries({ session: token, connectorId: `${connectorId}`, ...more })) {
    form.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value }));
  }
  document.body.append(form);
  form.submit();
  form.remove();
}
