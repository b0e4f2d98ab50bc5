/** Forms and inputs, shared by all panels. */
import { html, noChange, nothing, type TemplateResult } from './html';
import { Directive, directive, type ElementPart } from 'lit/directive.js';
import type { Messages } from '../languages/en';
import { isSending, type PanelProps } from './props';
import { problemsIn, type ShownCode } from '../state';
import { describedBy, helpOf, problemOf, type InputOptions } from './field';
import { secretInput } from './secret-input';
import { spinner, symbols } from './symbols';

/** The text of a problem. `name`: the name of the connector. */
export function problemText({ problems, otherProblem }: Messages, code: ShownCode, name: string): string {
  const text = (problems as { [code: string]: string | ((name: string) => string) })[code] ?? otherProblem;
  return typeof text === 'string' ? text : text(name);
}

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
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    if (!busy) submit(event.currentTarget as HTMLFormElement);
  };
  const onInput = ({ target }: Event) => props.act.edited(props.view, editedName(target as HTMLInputElement, names));
  return html`<form part="form" autocomplete="off" novalidate aria-busy=${busy} @submit=${onSubmit} @input=${onInput}>
    ${above ? problemLine(problemText(m, above, props.name), 'form-problem') : nothing}
    <fieldset ?disabled=${busy}>${content}</fieldset>
    ${submitButton(m, label, busy)} ${busy && props.isSlow ? html`<p class="lead">${m.slow}</p>` : nothing}
  </form>`;
}

/** The name of the field to which an input belongs. The inputs of properties are named by their positions. */
function editedName({ name }: HTMLInputElement, names: { name: string }[]): string {
  const [, position] = /^(?:setting|other)-(\d+)$/.exec(name) ?? [];
  return position === undefined ? name : (names[Number(position)]?.name ?? '');
}

const submitButton = (m: Messages, label: string, busy: boolean) =>
  html`<button class="primary" part="button button-primary" aria-disabled=${busy}>
    ${busy ? html`${spinner}${m.sending}` : label}
  </button>`;

export const problemLine = (text: string, id?: string) =>
  html`<p class="problem" part="problem" role="alert" tabindex="-1" id=${id ?? nothing}>
    ${symbols.warning}<span>${text}</span>
  </p>`;

/** A labelled input. Only the DOM input holds the typed value. */
export function inputOf(m: Messages, options: InputOptions) {
  const { id, label, note } = options;
  return html`<div class="field" part="field">
    <label for=${id} part="label"
      ><bdi>${label}</bdi>${note ? html`<span class="note"> (${note})</span>` : nothing}</label
    >
    ${helpOf(options)} ${options.secret ? secretInput(m, options) : plainInput(options)} ${problemOf(options)}
  </div>`;
}

/**
 * Sets the DOM property `value` of an input at the first rendering. An attribute `value` would keep the user's text in
 * the document.
 */
class Initially extends Directive {
  #isSet = false;

  override update(part: ElementPart, [value]: [string]): typeof noChange {
    if (!this.#isSet) (part.element as HTMLInputElement).value = value;
    this.#isSet = true;
    return noChange;
  }

  render = (_value: string): typeof noChange => noChange;
}

const initially = directive(Initially);

function plainInput(options: InputOptions) {
  const { id, name, required = false, multiline, value = '', entered, problem } = options;
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
        ${entered === undefined ? nothing : initially(entered)}
        autocomplete="off"
        autocapitalize="off"
        spellcheck="false"
        ?required=${required}
        aria-invalid=${problem ? 'true' : nothing}
        aria-describedby=${describedBy(options)}
      />`;
}
