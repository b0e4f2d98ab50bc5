/** The parts of a labelled input. */
import { html, nothing } from './html';
import { linked } from './linked';
import { symbols } from './symbols';

export interface InputOptions {
  id: string;
  label: string;
  name: string;
  help?: string;
  /** A short text beside the label. */
  note?: string;
  required?: boolean;
  secret?: boolean;
  multiline?: boolean;
  value?: string;
  /** A value that the user entered on an earlier form. */
  entered?: string;
  problem?: string;
}

export const helpOf = ({ id, help }: InputOptions) =>
  help ? html`<p class="help" part="help" dir="auto" id="${id}-help">${linked(help)}</p>` : nothing;
export const problemOf = ({ id, problem }: InputOptions) =>
  problem
    ? html`<p class="field-problem" part="problem" id="${id}-problem">${symbols.warning}<span>${problem}</span></p>`
    : nothing;
export const describedBy = ({ id, help, problem }: InputOptions) =>
  [help && `${id}-help`, problem && `${id}-problem`].filter(Boolean).join(' ') || nothing;
