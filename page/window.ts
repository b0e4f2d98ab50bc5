/** The way out to a third party: a window that the click itself opens, and a form that fills it. */

const FEATURES = 'popup,width=560,height=760';

export interface WayOut {
  /** With a slash at its end. */
  service: string;
  token: string;
  connectorId: number;
}

/**
 * Opens a window and sends it out. To be called by the click itself, before anything is awaited: else browsers block
 * it. False where it is blocked all the same. Whether it is closed later says nothing, so it is let go of at once.
 */
export function goInWindow(way: WayOut, name: string): boolean {
  const opened = window.open('', name, FEATURES);
  if (!opened) return false;
  goTo(way, name);
  opened.opener = null;
  opened.focus();
  return true;
}

/** The same in this tab. The way back is by its history: see return.ts. */
export const goHere = (way: WayOut): void => goTo(way, '_self', { depth: `${Math.min(history.length, 99)}` });

function goTo({ service, token, connectorId }: WayOut, target: string, more: { depth?: string } = {}): void {
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
