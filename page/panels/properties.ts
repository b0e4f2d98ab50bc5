import { html, noChange, nothing } from './html';
import { live } from 'lit/directives/live.js';
import { repeat } from 'lit/directives/repeat.js';
import type { Field } from '../../workflows/connector';
import type { Credentials } from '../../workflows/messages';
import type { PanelProps } from './props';
import { credentialsAfter, foldedOf, missingIn, prefilledOf, problemsIn, type ShownCode } from '../state';
import { helpIn } from '../texts';
import { inputsWith, isFault, type Fault } from './credentials';
import { hint } from './hint';
import { describedBy, helpOf, problemOf, type InputOptions } from './field';
import { formOf, inputOf, problemText } from './form';

/** The value of the choice "other", which shows a text input. */
const OTHER = 'other';

/**
 * The form of a connector's properties. If the flow will ask for an API key or a password after the properties, the
 * form also has the inputs for the API key or the password. The optional properties are collapsed until one of them has
 * a problem.
 */
export function propertyForm(props: PanelProps) {
  const { m, view, act, problem } = props;
  const all = view.fields ?? [];
  const { open: fields, locked } = prefilledOf(all, props.prefill);
  const kind = credentialsAfter(view);
  const more = kind && inputsWith(props, kind);
  const names = [...fields, ...locked, ...(more?.names ?? [])]; // inputs are named by their positions in `fields`
  const { at } = problemsIn(problem, names);
  const { shown, folded } = foldedOf(fields);
  const draw = (some: readonly Field[]) =>
    repeat(
      some,
      ({ name }) => name, // the user's text stays in its field when the flow asks for other fields
      (field) => fieldOf(props, field, fields.indexOf(field), at.get(field.name)),
    );
  // Without a problem, the optional fields stay as they are: open or closed.
  const opens = folded.some(({ name }) => at.has(name)) || noChange;
  const submitForm = (form: HTMLFormElement) => {
    const values = valuesIn(form, fields);
    const missing = missingIn(fields, values);
    const credentials = more?.read(form);
    const fault = credentials && isFault(credentials) ? credentials : undefined;
    if (missing.length > 0) act.reportFaults(view, [...missing, ...missingOf(fault)], 'missingProperty');
    else if (fault) act.reportFaults(view, fault.names, fault.code);
    else act.submitProperties(view, values, form, credentials as Credentials | undefined);
  };
  const content = html`${locked.map((field, index) => lockedField(props, field, index, at.get(field.name)))}
  ${draw(shown)} ${more ? html`${hint(props, 'properties')}${more.content}` : nothing}
  ${
    folded.length > 0
      ? html`<details part="optional" ?open=${live(opens)}>
          <summary>${m.optionalSettings(folded.length)}</summary>
          ${draw(folded)}
        </details>`
      : nothing
  }`;
  return formOf(props, names, content, submitForm, more?.submit ?? m.panels.properties.submit);
}

const missingOf = (fault?: Fault): string[] => (fault?.code === 'missingProperty' ? fault.names : []);

/**
 * The entered values. An empty value means "unchanged". Inputs are named by their positions, because password managers
 * react to names.
 */
function valuesIn(form: HTMLFormElement, fields: readonly Field[]): { [name: string]: string } {
  const data = new FormData(form);
  const text = (name: string) => String(data.get(name) ?? '');
  const valueOf = (field: Field, index: number) => {
    const entered = text(`setting-${index}`);
    if (!isChoice(field)) return entered;
    if (entered === OTHER) return text(`other-${index}`);
    return field.options[Number(entered || NaN)] ?? '';
  };
  const entries = fields.map((field, index) => [field.name, valueOf(field, index)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== ''));
}

/**
 * True if the field is shown as a list of options. A secret field is never shown as a list, because a list would show
 * its value.
 */
const isChoice = (field: Field): field is Field & { options: string[] } =>
  !field.secret && field.options !== undefined && field.options.length > 0;

function fieldOf(props: PanelProps, field: Field, index: number, problem: ShownCode | undefined) {
  const { m, name: connector } = props;
  const { label, help, required, secret, stored, multiline } = field;
  const shared: InputOptions = {
    id: `setting-${index}`,
    name: `setting-${index}`,
    label,
    help: [
      helpIn(field.helpTexts, m.tag) ?? help,
      stored && !isChoice(field) && m.stored, // a choice needs no hint: one of its options keeps the stored value
      secret && props.isEmptied && m.emptied,
    ]
      .filter(Boolean)
      .join(' '),
    note: required ? undefined : m.optional,
    required: required && !stored,
    problem: problem && problemText(m, problem, connector),
  };
  if (isChoice(field)) return choiceOf(props, { ...shared, field, options: field.options, index });
  return inputOf(m, { ...shared, secret, multiline, value: stored ? '' : field.default });
}

/**
 * A value that the user can't change. The page does not send this value, so the input has no name. The service adds the
 * value to the user's input.
 */
function lockedField(props: PanelProps, field: Field & { value: string }, index: number, problem?: ShownCode) {
  const { m, name: connector } = props;
  const { label, help, value } = field;
  const id = `locked-${index}`;
  const options: InputOptions = {
    ...{ id, name: '', label, help: [helpIn(field.helpTexts, m.tag) ?? help, m.locked].filter(Boolean).join(' ') },
    problem: problem && problemText(m, problem, connector),
  };
  return html`<div class="field" part="field">
    <label for=${id} part="label"><bdi>${label}</bdi></label>
    ${helpOf(options)}
    <input part="input" type="text" id=${id} readonly value=${value} aria-describedby=${describedBy(options)} />
    ${problemOf(options)}
  </div>`;
}

interface ChoiceOptions extends InputOptions {
  field: Field;
  options: string[];
  index: number;
}

/**
 * An input with a list of options. The last option lets the user type another value, because options are only
 * suggestions.
 */
function choiceOf({ m }: PanelProps, choice: ChoiceOptions) {
  const { id, name, label, note, required = false, problem, options, index, field } = choice;
  const proposed = field.stored ? -1 : options.indexOf(field.default ?? '');
  const empty = field.stored ? m.keep : required ? m.choose : m.none;
  return html`<div class="field" part="field">
    <label for=${id} part="label"
      ><bdi>${label}</bdi>${note ? html`<span class="note"> (${note})</span>` : nothing}</label
    >
    ${helpOf(choice)}
    <select
      part="input"
      id=${id}
      name=${name}
      autocomplete="off"
      ?required=${required}
      aria-invalid=${problem ? 'true' : nothing}
      aria-describedby=${describedBy(choice)}
      @change=${revealOther}
    >
      <option value="">${empty}</option>
      ${options.map((option, at) => html`<option value=${at} ?selected=${at === proposed}>${option}</option>`)}
      <option value=${OTHER}>${m.other}</option>
    </select>
    <input
      part="input"
      class="other"
      type="text"
      name="other-${index}"
      aria-label=${m.otherValue(label)}
      aria-invalid=${problem ? 'true' : nothing}
      aria-describedby=${describedBy(choice)}
      autocomplete="off"
      autocapitalize="off"
      spellcheck="false"
      hidden
    />
    ${problemOf(choice)}
  </div>`;
}

function revealOther({ currentTarget }: Event): void {
  const select = currentTarget as HTMLSelectElement;
  const other = select.nextElementSibling as HTMLInputElement;
  other.hidden = select.value !== OTHER;
  if (!other.hidden) other.focus();
}
