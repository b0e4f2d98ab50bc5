import { css } from 'lit';

/** The list of connectors and the progress bar. */
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
  .list li + li {
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
  .open > h2 > button.row {
    cursor: default;
  }
  li:not(.open) > h2 > button.row:hover {
    background: var(--sunken);
  }
  .list h2 {
    font-size: 1rem;
    letter-spacing: 0;
  }
  .name {
    flex: 1;
    min-inline-size: 0;
    overflow-wrap: anywhere;
  }
  .standing {
    display: inline-flex;
    align-items: center;
    gap: 0.25rem;
    font-weight: 400;
    color: var(--muted);
    text-align: end;
  }
  .standing.connected {
    color: var(--success);
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
  }
`;
