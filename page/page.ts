/**
 * The script of the connect page, which contains the element. The page keeps the tokens in the state of the history
 * entry, not in the address and not in storage.
 */
import type {} from './element';

interface Kept {
  session?: string;
  invitation?: string;
}

/**
 * The tokens in the fragment of the address. Browsers send the fragment to no server. The page removes the fragment
 * from the address at once. The state of the history entry keeps the tokens for a reload.
 */
function tokens(): Kept {
  const given = new URLSearchParams(location.hash.slice(1));
  const [session, invitation] = [given.get('session'), given.get('invitation')];
  const kept = session || invitation ? { session: session ?? undefined, invitation: invitation ?? undefined } : null;
  const known = kept ?? (history.state as Kept | null) ?? {};
  keep(known);
  return known;
}

const keep = (kept: Kept): void => history.replaceState(kept, '', location.pathname + location.search);

function show(): void {
  const element = document.querySelector('cyclr-connect')!;
  const { session = null, invitation = null } = tokens();
  Object.assign(element, { session, invitation });
  element.addEventListener('session-renewed', () =>
    keep({ session: element.session ?? undefined, invitation: invitation ?? undefined }),
  );
}

show();
addEventListener('hashchange', () => location.reload()); // the user has opened another link in the same tab
