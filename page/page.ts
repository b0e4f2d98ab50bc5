/** The hosted page contains the element, and keeps the token in memory only, not in the address or in storage. */
import type {} from './element';

interface Kept {
  session?: string;
  invitation?: string;
}

/**
 * The fragment reaches no server. The page removes it from the address at once; the history entry keeps it for a
 * reload.
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
addEventListener('hashchange', () => location.reload()); // another link, in the same tab
