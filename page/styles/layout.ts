import { css } from 'lit';

/** The styles of the layout: the frame and its panels. */
export const layout = css`
  :host {
    display: block;
    container-type: inline-size;
    color: var(--text);
    font: 400 1rem/1.5 var(--font);
  }
  :host([hidden]) {
    display: none;
  }
  *,
  *::before {
    box-sizing: border-box;
  }
  .frame {
    display: grid;
    gap: 1.25rem;
    min-block-size: 22rem;
    align-content: start;
  }
  h2,
  h3,
  h4,
  p,
  ul,
  fieldset {
    margin: 0;
    padding: 0;
    border: 0;
  }
  fieldset {
    min-inline-size: 0;
  }
  h2,
  h3,
  h4 {
    font-size: 1.25rem;
    font-weight: 650;
    line-height: 1.3;
    letter-spacing: -0.01em;
    text-wrap: balance;
    overflow-wrap: anywhere;
  }
  h3,
  h4 {
    font-size: 1.0625rem;
  }
  p {
    overflow-wrap: anywhere;
  }
  .account {
    color: var(--muted);
  }
  .heading {
    display: grid;
    gap: 0.25rem;
  }
  h1 {
    margin: 0;
    font-size: 1.5rem;
    font-weight: 650;
    line-height: 1.25;
    letter-spacing: -0.015em;
    text-wrap: balance;
  }
  .panel {
    display: grid;
    gap: 1.25rem;
    padding: clamp(1.25rem, 5cqi, 2rem);
    background: var(--surface);
    border: 1px solid var(--line);
    border-radius: var(--radius);
  }
  .panel header {
    display: flex;
    align-items: flex-start;
    gap: 0.875rem;
  }
  .panel header > div {
    align-self: center;
    display: grid;
    gap: 0.125rem;
    min-inline-size: 0;
  }
  li .panel {
    padding: 0.25rem clamp(1rem, 4cqi, 1.5rem) 1.5rem;
    background: none;
    border: 0;
  }
  .icon {
    flex: none;
    inline-size: 2.5rem;
    block-size: 2.5rem;
    border-radius: 0.625rem;
    object-fit: contain;
  }
  span.icon {
    --tile: light-dark(#3c4250, #c6ccd9);
    display: grid;
    place-items: center;
    background: color-mix(in srgb, var(--tile) 14%, var(--surface));
    color: var(--tile);
    font-weight: 650;
  }
  span.hue-0 {
    --tile: light-dark(#1d4fa8, #a5c3ff);
  }
  span.hue-1 {
    --tile: light-dark(#116142, #8be0b4);
  }
  span.hue-2 {
    --tile: light-dark(#8a3a0b, #ffbb91);
  }
  span.hue-3 {
    --tile: light-dark(#6b2fa8, #d5b4ff);
  }
  span.hue-4 {
    --tile: light-dark(#9c1f4d, #ffafc7);
  }
  span.hue-5 {
    --tile: light-dark(#0d5c6e, #8ed9ea);
  }
  [dir='auto']:not(.lines) {
    text-align: -webkit-match-parent;
    text-align: match-parent;
  }
  .lead,
  .note,
  .help,
  .fine {
    color: var(--muted);
  }
  .help,
  .fine,
  .field .note,
  .progress p,
  .chip {
    font-size: 0.875rem;
  }
  .fine {
    line-height: 1.6;
  }
  .hint {
    padding: 0.75rem 1rem;
    background: var(--sunken);
    border-radius: calc(var(--radius) * 0.66);
  }
  .lines {
    white-space: pre-line;
  }
  a[part='link'] {
    padding-block: 0.25rem;
    color: inherit;
    text-underline-offset: 0.15em;
  }
  .protection {
    display: flex;
    gap: 0.375rem;
    margin-block-end: -1rem;
  }
  .quietly {
    position: absolute;
    inline-size: 1px;
    block-size: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
`;
