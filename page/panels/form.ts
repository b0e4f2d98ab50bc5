/** Forms and inputs, shared by all panels. */
import { html, nothing, type TemplateResult } from 'lit';
import type { ProblemCode } from '../../workflows/messages';
import type { Messages } from '../languages/en';
import { isSending, type PanelProps } from './props';
import { problemsIn } from '../state';
import { action } from './actions';
import { spinner, symbols } from './symbols';

export const problemText = ({ problems, otherProblem }: Messages, code: ProblemCode): string =>
  (problems as { [code: string]: string })[code] ?? otherProblem;

/** A form that sends one submission at a time. The form shows a problem of the whole input above the fields. */
export function formOf(
  props: PanelProps,
  names: { name: string }[],
  content: TemplateResult,
  submit: (form: HTMLFormElement) => void,
  label: string,
) {
  const { m, problem } = props;
  const { above } = problemsIn(problem, names);
  const busy = isSending(props);
  const isUnsent = props.pending?.status === 'unsent'; // then the sealed input can only be sent again unchanged
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    if (!busy) submit(event.currentTarget as HTMLFormElement);
  };
  return html`<form part="form" autocomplete="off" novalidate aria-busy=${busy} @submit=${onSubmit}>
    ${above && !isUnsent ? problemLine(problemText(m, above), 'form-problem') : nothing}
    <fieldset ?disabled=${busy} ?hidden=${isUnsent}>${content}</fieldset>
    ${isUnsent ? unsent(props) : submitButton(m, label, busy)}
  </form>`;
}

const submitButton = (m: Messages, label: string, busy: boolean) =>
  html`<button class="primary" part="button button-primary" aria-disabled=${busy}>
    ${busy ? html`${spinner}${m.sending}` : label}
  </button>`;

const unsent = ({ m, act, view }: PanelProps) =>
  html`${problemLine(m.unsent, 'form-problem')} ${action(m.sendAgain, () => act.resend(view))}`;

export const problemLine = (text: string, id?: string) =>
  html`<p class="problem" part="problem" role="alert" tabindex="-1" id=${id ?? nothing}>
    ${symbols.warning}<span>${text}</span>
  </p>`;

export interface InputOptions {
  id: string;
  label: string;
  name: string;
  help?: string;
  /** Shown beside the label. */
  note?: string;
  required?: boolean;
  secret?: boolean;
  multiline?: boolean;
  value?: string;
  problem?: string;
  autocomplete?: 'off' | 'new-password';
  /** True if the input is emptied after sealing, as secrets are. */
  cleared?: boolean;
}

/** A labelled input. Only the input itself holds the typed value. */
export function inputOf(m: Messages, options: InputOptions) {
  const { id, label, note } = options;
  return html`<div class="field" part="field">
    <label for=${id} part="label"
      ><bdi>${label}</bdi>${note ? html`<span class="note"> (${note})</span>` : nothing}</label
    >
    ${helpOf(options)} ${options.secret ? secretInput(m, options) : plainInput(options)} ${problemOf(options)}
  </div>`;
}

export const helpOf = ({ id, help }: InputOptions) =>
  help ? html`<p class="help" part="help" dir="auto" id="${id}-help">${help}</p>` : nothing;
export const problemOf = ({ id, problem }: InputOptions) =>
  problem
    ? html`<p class="field-problem" part="problem" id="${id}-problem">${symbols.warning}<span>${problem}</span></p>`
    : nothing;
export const describedBy = ({ id, help, problem }: InputOptions) =>
  [help && `${id}-help`, problem && `${id}-problem`].filter(Boolean).join(' ') || nothing;

function plainInput(options: InputOptions) {
  const { id, name, required = false, multiline, value = '', problem, autocomplete = 'off' } = options;
  return multiline
    ? html`<textarea
        part="input"
        rows="4"
        id=${id}
        name=${name}
        autocomplete="off"
        spellcheck="false"
        ?required=${required}
        aria-invalid=${problem ? 'true' : nothing}
        aria-describedby=${describedBy(options)}
      >
${value}</textarea>`
    : html`<input
        part="input"
        type="text"
        id=${id}
        name=${name}
        value=${value}
        autocomplete=${autocomplete}
        ?data-clear=${options.cleared}
        autocapitalize="off"
        spellcheck="false"
        ?required=${required}
        aria-invalid=${problem ? 'true' : nothing}
        aria-describedby=${describedBy(options)}
      />`;
}

/** The data attributes keep password managers away: the form is no login to this site. */
function secretInput(m: Messages, options: InputOptions) {
  const { id, label, name, required = false, problem, autocomplete = 'off' } = options;
  return html`<div class="secret">
    <input
      part="input"
      type="password"
      id=${id}
      name=${name}
      autocomplete=${autocomplete}
      autocapitalize="off"
      spellcheck="false"
      data-1p-ignore
      data-bwignore
      data-lpignore="true"
      data-form-type="other"
      ?required=${required}
      aria-invalid=${problem ? 'true' : nothing}
      aria-describedby=${describedBy(options)}
    />
    <button class="quiet" part="button button-quiet" type="button" aria-controls=${id} @click=${toggle}>
      ${toggleLabel(m.show, m.showValue(label))}${toggleLabel(m.hide, m.hideValue(label), true)}
    </button>
  </div>`;
}

/** A button's label: one word on the screen, with the field's name for a screen reader. */
const toggleLabel = (word: string, sentence: string, hidden = false) =>
  html`<span ?hidden=${hidden}><span aria-hidden="true">${word}</span><span class="quietly">${sentence}</span></span>`;

function toggle({ currentTarget }: Event): void {
  const button = currentTarget as HTMLButtonElement;
  const input = button.previousElementSibling as HTMLInputElement;
  input.type = input.type === 'text' ? 'password' : 'text';
  for (const label of button.querySelectorAll<HTMLElement>(':scope > span')) label.hidden = !label.hidden;
}

/** Empties the secret inputs of a form, once they are sealed. */
export function clearSecrets(form: HTMLFormElement): void {
  for (const input of form.querySelectorAll<HTMLInputElement>('input[data-clear], .secret input')) {
    input.value = '';
    input.defaultValue = '';
  }
}
