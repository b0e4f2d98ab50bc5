import { css } from 'lit';

/** The styles of inputs and buttons. */
export const forms = css`
  form,
  fieldset {
    display: grid;
    gap: 1.25rem;
  }
  details > .field {
    margin-block: 0.5rem 1.25rem;
  }
  details > .field:last-child {
    margin-block-end: 0;
  }
  .field {
    display: grid;
    gap: 0.375rem;
  }
  label {
    font-weight: 600;
    overflow-wrap: anywhere;
  }
  label .note {
    font-weight: 400;
  }
  input:not([type='checkbox']),
  select,
  textarea {
    inline-size: 100%;
    min-block-size: 44px;
    padding: 0.5rem 0.75rem;
    font: inherit;
    color: inherit;
    background: var(--surface);
    border: 1px solid var(--edge);
    border-radius: calc(var(--radius) * 0.66);
  }
  /* In a language that is written from right to left, a value in Latin letters keeps the order of its characters. */
  input,
  textarea {
    unicode-bidi: plaintext;
    text-align: -webkit-match-parent;
    text-align: match-parent;
  }
  input[readonly] {
    background: var(--sunken);
    border-color: var(--line);
  }
  input[hidden],
  fieldset[hidden] {
    display: none;
  }
  textarea {
    resize: vertical;
  }
  [aria-invalid='true'] {
    border-color: var(--trouble);
    box-shadow: 0 0 0 1px var(--trouble);
  }
  :disabled {
    opacity: 0.6;
  }
  input:disabled {
    background: var(--sunken);
  }
  fieldset:disabled {
    opacity: 1;
  }
  .secret {
    position: relative;
  }
  .secret input,
  .secret textarea {
    padding-inline-end: 6.5rem;
  }
  .secret:not(.shown) textarea {
    -webkit-text-security: disc;
  }
  @supports not (-webkit-text-security: disc) {
    .secret:not(.shown) textarea {
      color: transparent;
      caret-color: var(--text);
    }
  }
  .secret button {
    position: absolute;
    inset-block-start: 0;
    inset-inline-end: 0;
    min-inline-size: 44px;
    padding-inline: 0.75rem;
    background: none;
    border: 0;
    color: var(--muted);
    font-weight: 500;
    outline-offset: -3px;
  }
  .choice {
    display: flex;
    align-items: center;
    gap: 0.625rem;
    min-block-size: 44px;
    margin-block-start: -0.75rem;
    font-weight: 400;
  }
  .choice input {
    flex: none;
    inline-size: 1.25rem;
    block-size: 1.25rem;
    margin: 0;
    accent-color: var(--accent);
  }
  summary {
    min-block-size: 44px;
    padding-block: 0.625rem;
    cursor: pointer;
    font-weight: 600;
    border-radius: 4px;
  }
  button,
  a.button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 0.5rem;
    min-block-size: 44px;
    padding: 0.5rem 1.25rem;
    font: inherit;
    font-weight: 600;
    color: inherit;
    text-decoration: none;
    background: var(--surface);
    border: 1px solid var(--edge);
    border-radius: calc(var(--radius) * 0.66);
    cursor: pointer;
    overflow-wrap: anywhere;
  }
  button.primary,
  a.primary {
    color: var(--on-accent);
    background: var(--accent);
    border-color: var(--accent);
  }
  button:not(.row, .quiet):hover,
  a.button:hover {
    filter: brightness(0.94);
  }
  .primary[aria-disabled='true'] {
    cursor: progress;
  }
  .actions {
    display: flex;
    flex-wrap: wrap;
    gap: 0.75rem;
  }
  .actions > * {
    flex: 1 1 auto;
  }
`;
