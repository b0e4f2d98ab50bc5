import { css } from 'lit';

/** The styles that show focus, problems, success and waiting. */
export const signs = css`
  :focus-visible {
    outline: 3px solid var(--focus);
    outline-offset: 2px;
  }
  [tabindex='-1']:focus {
    outline: none;
  }
  .symbol {
    flex: none;
    inline-size: 1.25em;
    block-size: 1.25em;
  }
  .problem,
  .success,
  .working,
  .field-problem,
  .away {
    display: flex;
    align-items: flex-start;
    gap: 0.625rem;
  }
  .problem .symbol,
  .success .symbol {
    margin-block-start: 0.125em;
  }
  .problem {
    padding: 0.75rem 1rem;
    color: var(--trouble);
    background: color-mix(in srgb, var(--trouble) 9%, var(--surface));
    border-radius: calc(var(--radius) * 0.66);
  }
  .success {
    padding: 0.75rem 1rem;
    background: color-mix(in srgb, var(--success) 9%, var(--surface));
    border-radius: calc(var(--radius) * 0.66);
  }
  .problem.calm {
    color: var(--text);
    background: var(--sunken);
  }
  .field-problem {
    gap: 0.375rem;
    font-size: 0.875rem;
    color: var(--trouble);
  }
  .success .symbol,
  h2 > .symbol {
    color: var(--success);
  }
  h2 > .symbol {
    margin-inline-end: 0.375em;
    vertical-align: -0.25em;
  }
  .away {
    align-items: center;
    flex-wrap: wrap;
    padding: 0.75rem 0.75rem 0.75rem 1rem;
    background: var(--surface);
    border: 1px solid var(--line);
    border-radius: var(--radius);
  }
  .away span {
    flex: 1 1 14rem;
  }
  .working {
    color: var(--muted);
  }
  .working .spinner {
    margin-block-start: 0.1875em;
  }
  .spinner {
    flex: none;
    inline-size: 1.125em;
    block-size: 1.125em;
    border: 2px solid currentColor;
    border-inline-end-color: transparent;
    border-radius: 50%;
    animation: turn 0.9s linear infinite;
  }
  @keyframes turn {
    to {
      rotate: 1turn;
    }
  }
  @keyframes pulse {
    50% {
      opacity: 0.4;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    * {
      transition: none !important;
    }
    .spinner {
      animation: pulse 2s ease-in-out infinite;
    }
  }
  @media (forced-colors: active) {
    progress,
    .problem,
    .success {
      border: 1px solid;
    }
    progress::-webkit-progress-value {
      background: CanvasText;
      forced-color-adjust: none;
    }
    progress::-moz-progress-bar {
      background: CanvasText;
      forced-color-adjust: none;
    }
    .primary,
    .panel {
      border: 1px solid ButtonBorder;
    }
  }
`;
