import { css } from 'lit';

/** The styles of the list of connectors and of the progress bar. */
export const lists = css`
  .progress {
    display: grid;
    gap: 0.5rem;
    color: var(--muted);
  }
  progress {
    appearance: none;
    inline-size: 100%;
    block-size: 6px;
    border: 0;
    border-radius: 3px;
    overflow: hidden;
    background: var(--line);
  }
  progress::-webkit-progress-bar {
    background: none;
  }
  progress::-webkit-progress-value {
    background: var(--accent);
    transition: inline-size 0.3s;
  }
  progress::-moz-progress-bar {
    background: var(--accent);
  }
  .list {
    list-style: none;
    background: var(--surface);
    border: 1px solid var(--line);
    border-radius: var(--radius);
    overflow: clip;
  }
  .list li:not([hidden]) ~ li {
    border-block-start: 1px solid var(--line);
  }
  button.row {
    inline-size: 100%;
    padding: 0.875rem clamp(1rem, 4cqi, 1.5rem);
    justify-content: flex-start;
    gap: 0.875rem;
    background: none;
    border: 0;
    border-radius: 0;
    font-weight: 600;
    text-align: start;
    outline-offset: -3px;
  }
  li:not(.open) > h3 > button.row:hover {
    background: var(--sunken);
  }
  .list h3 {
    font-size: 1rem;
    letter-spacing: 0;
  }
  li.open {
    scroll-margin-block-start: 0.5rem;
  }
  .groups,
  .groups > section:not([hidden]) {
    display: grid;
    gap: 0.5rem;
  }
  .groups {
    gap: 1.25rem;
  }
  h2.group {
    font-size: 0.875rem;
    letter-spacing: 0;
    color: var(--muted);
  }
  .name {
    flex: 1;
    min-inline-size: 0;
    overflow-wrap: anywhere;
  }
  .chip {
    max-inline-size: 50%;
    display: inline-flex;
    align-items: center;
    gap: 0.375rem;
    padding: 0.125rem 0.625rem;
    font-weight: 500;
    text-align: start;
    overflow-wrap: anywhere;
    color: var(--text);
    background: var(--sunken);
    border-radius: 1rem;
  }
  .chip .symbol,
  .chip .spinner {
    inline-size: 1em;
    block-size: 1em;
  }
  .chip.connected {
    color: var(--success);
    background: color-mix(in srgb, var(--success) 9%, var(--surface));
  }
  .chip.refused,
  .chip.support {
    color: var(--trouble);
    background: color-mix(in srgb, var(--trouble) 9%, var(--surface));
  }
  .chip.todo,
  .chip.refresh,
  .chip.secondStep {
    background: color-mix(in srgb, var(--accent) 12%, var(--surface));
  }
  .skeleton {
    background: var(--line);
    animation: pulse 2s ease-in-out infinite;
  }
  .skeleton.line {
    display: inline-block;
    inline-size: min(10rem, 60%);
    block-size: 0.75rem;
    border-radius: 4px;
  }
  @container (max-width: 26rem) {
    button.row {
      display: grid;
      grid-template-columns: auto 1fr;
      row-gap: 0;
    }
    .row .icon {
      grid-row: span 2;
    }
    .chip {
      max-inline-size: 100%;
      justify-self: start;
    }
  }
`;
