import { isInApp } from '../window';
import { action, actions } from './actions';
import { problemLine, problemText } from './form';
import { html, nothing } from './html';
import type { PanelProps } from './props';
import { spinner, symbols } from './symbols';

/** The text of the user's next step, which depends on the state of the consent window. */
export function consentLead({ m, name, consentWindow, replacedBy }: PanelProps): string {
  const { text, opened, closed, inApp, replaced } = m.panels.consent;
  if (consentWindow === 'opened') return opened(name);
  if (consentWindow === 'closed') return closed;
  if (consentWindow === 'replaced') return replaced(replacedBy ?? name);
  return isInApp(navigator.userAgent) ? inApp(name) : text(name);
}

/**
 * The buttons of the consent. Each click gets a new link. After the window was closed, the user can confirm the consent
 * or open the window again.
 */
export function consent(props: PanelProps) {
  const { m, name, consentWindow, problem } = props;
  return html`
    ${problem && !consentWindow ? problemLine(problemText(m, problem.code, name)) : nothing}
    ${consentWindow === 'blocked' ? problemLine(m.panels.consent.blocked) : nothing} ${actions(...buttons(props))}
  `;
}

function buttons(props: PanelProps): unknown[] {
  const { view, consentWindow } = props;
  if (consentWindow === 'closed') return [finished(props, 'primary'), again(props)];
  const others = view.attempt ? [finished(props, 'secondary')] : [];
  if (consentWindow === 'opened' || consentWindow === 'replaced') return [again(props), ...others];
  if (consentWindow === 'blocked') return [here(props, 'primary'), again(props), ...others];
  if (isInApp(navigator.userAgent)) return [here(props, 'primary'), goOut(props, 'secondary'), ...others];
  return [goOut(props, 'primary'), ...others];
}

/**
 * The panel during the verification. The panel has a button for another try, because the user may have declined by
 * mistake.
 */
export function verifying(props: PanelProps) {
  const { m, name, consentWindow, isSlow } = props;
  const { text, notYet } = m.panels.verifying;
  return html`<p class="working">${spinner}<span>${isSlow ? notYet(name) : text(name)}</span></p>
    ${actions(consentWindow === 'opened' ? again(props) : goOut(props, 'secondary'))}`;
}

type Rank = 'primary' | 'secondary';

/** The button that opens the third party's page in a separate window. */
const goOut = (props: PanelProps, rank: Rank) =>
  action(html`${props.m.panels.consent.open(props.name)}${symbols.out}`, () => props.act.openConsent(props), rank);

const again = (props: PanelProps) =>
  action(html`${props.m.panels.consent.openAgain}${symbols.out}`, () => props.act.openConsent(props), 'secondary');

const here = (props: PanelProps, rank: Rank) =>
  action(props.m.panels.consent.here, () => props.act.openConsentHere(props), rank);

const finished = ({ m, view, act }: PanelProps, rank: Rank) =>
  action(m.panels.consent.finished, () => act.confirm(view), rank);
