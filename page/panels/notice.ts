import { html, nothing, type TemplateResult } from './html';
import { actions } from './actions';

/** A panel with one message and its next step. */
export const notice = (
  { title, text }: { title: string; text: string | TemplateResult },
  next: unknown = nothing,
  sign: unknown = nothing,
) =>
  html`<section class="panel notice" part="panel" aria-labelledby="title">
    <h2 id="title" part="title" tabindex="-1">${sign}${title}</h2>
    <p class="lead">${text}</p>
    ${actions(next)}
  </section>`;
