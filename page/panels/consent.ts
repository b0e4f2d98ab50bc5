import { html, nothing } from './html';
import type { PanelProps } from './props';
import { action, actions } from './actions';
import { problemLine, problemText } from './form';
import { symbols } from './symbols';

/** The consent's buttons. Each click gets a fresh link; a closed window decides nothing. */
export function consent(props: PanelProps) {
  const { m, name, view, consentWindow, problem, act } = props;
  const { finished, blocked } = m.panels.consent;
  return html`
    ${problem && !consentWindow ? problemLine(problemText(m, problem.code, name)) : nothing}
    ${consentWindow === 'blocked' ? problemLine(blocked) : nothing}
    ${actions(...consentActions(props), view.attempt ? action(finished, () => act.confirm(view), 'secondary') : nothing)}
  `;
}

function consentActions({ m, name, view, consentWindow, act }: PanelProps): unknown[] {
  const { open, openAgain, here } = m.panels.consent;
  const openConsent = () => act.openConsent(view);
  if (consentWindow === 'opened') return [action(html`${openAgain}${symbols.out}`, openConsent, 'secondary')];
  if (consentWindow === 'blocked')
    return [action(here, () => act.openConsentHere(view)), action(openAgain, openConsent, 'secondary')];
  return [action(html`${open(name)}${symbols.out}`, openConsent)];
}
