import { html, nothing } from 'lit';
import type { Scene } from '../scene';
import { action, actions } from './actions';
import { problemLine, problemText } from './form';
import { symbols } from './symbols';

/** The way to a third party. Every click gets a fresh link; what becomes of the window decides nothing. */
export function consent(scene: Scene) {
  const { m, view, way, problem, act } = scene;
  const { finished, blocked } = m.panels.consent;
  return html`
    ${problem && !way ? problemLine(problemText(m, problem.code)) : nothing}
    ${way === 'blocked' ? problemLine(blocked) : nothing}
    ${actions(...waysOut(scene), view.attempt ? action(finished, () => act.confirm(view), 'secondary') : nothing)}
  `;
}

function waysOut({ m, name, view, way, act }: Scene): unknown[] {
  const { open, openAgain, here } = m.panels.consent;
  const goOut = () => act.goOut(view);
  if (way === 'opened') return [action(html`${openAgain}${symbols.out}`, goOut, 'secondary')];
  if (way === 'blocked') return [action(here, () => act.goOutHere(view)), action(openAgain, goOut, 'secondary')];
  return [action(html`${open(name)}${symbols.out}`, goOut)];
}
