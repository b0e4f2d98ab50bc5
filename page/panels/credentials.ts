import { html, type TemplateResult } from './html';
import type { Credentials } from '../../workflows/messages';
import type { ShownCode } from '../state';
import type { PanelProps } from './props';
import { formOf, inputOf, problemText } from './form';

/** A fault of the input that the page itself finds. */
export interface Fault {
  names: string[];
  code: ShownCode;
}

/** The inputs of one kind of credentials. */
export interface CredentialInputs {
  /** The names by which a problem refers to the inputs. */
  names: { name: string }[];
  content: TemplateResult;
  /** The label of the form's button. */
  submit: string;
  /** Reads the entered credentials. */
  read(form: HTMLFormElement): Credentials | Fault;
}

export const isFault = (read: Credentials | Fault): read is Fault => 'code' in read;

const problemOfField = ({ m, problem, name: connector }: PanelProps, name: string) => {
  const found = problem?.fields?.find((field) => field.name === name);
  return found && problemText(m, found.code, connector);
};

/**
 * The codes of problems with the entered credentials. A form with only one field shows a problem with such a code at
 * the field.
 */
const inputProblems = ['malformed', 'refused', 'notOpenable', 'wrongKind'];

function atOnlyField(props: PanelProps, name: string): PanelProps {
  const { problem } = props;
  if (!problem || problem.fields || !inputProblems.includes(problem.code)) return props;
  return { ...props, problem: { ...problem, fields: [{ name, code: problem.code }] } };
}

const textOf = (form: HTMLFormElement, name: string): string => String(new FormData(form).get(name) ?? '');

/** A form with credentials only, without properties. */
function credentialsForm(props: PanelProps, inputs: CredentialInputs) {
  const { view, act } = props;
  const submitForm = (form: HTMLFormElement) => {
    const read = inputs.read(form);
    if (isFault(read)) act.reportFaults(view, read.names, read.code);
    else act.submitCredentials(view, read, form);
  };
  return formOf(props, inputs.names, inputs.content, submitForm, inputs.submit);
}

/**
 * The names of the inputs, in the form and in problems. These names must differ from the names of properties, because
 * one form can have both kinds of inputs.
 */
const KEY = 'connector-key';
const USER = 'connector-user';
const PASSWORD = 'connector-password';
/** The beginning of the names of all inputs for credentials. */
export const CREDENTIAL_INPUTS = 'connector-';

export function apiKeyForm(original: PanelProps) {
  const props = atOnlyField(original, KEY);
  return credentialsForm(props, apiKeyInputs(props));
}

function apiKeyInputs(props: PanelProps): CredentialInputs {
  const { m, name, problem } = props;
  const { label, submit } = m.panels.apiKey;
  const text = problemOfField(props, KEY);
  const content = inputOf(m, {
    id: 'key',
    label,
    name: KEY,
    secret: true,
    required: true,
    problem: text && problem?.code === 'refused' ? m.keyRefused(name) : text,
  });
  const read = (form: HTMLFormElement): Credentials | Fault => {
    const key = textOf(form, KEY);
    return key.trim() === '' ? { names: [KEY], code: 'missingProperty' } : { kind: 'apiKey', key };
  };
  return { names: [{ name: KEY }], content, submit, read };
}

export const basicForm = (props: PanelProps) => credentialsForm(props, basicInputs(props));

function basicInputs(props: PanelProps): CredentialInputs {
  const { m } = props;
  const { username, password, noPassword, submit } = m.panels.basic;
  const content = html`
    ${inputOf(m, {
      id: 'username',
      label: username,
      name: USER,
      required: true,
      entered: props.userName,
      problem: problemOfField(props, USER),
    })}
    ${inputOf(m, {
      id: 'password',
      label: password,
      name: PASSWORD,
      secret: true,
      help: props.isEmptied ? m.emptied : undefined,
      problem: problemOfField(props, PASSWORD),
    })}
    <label class="choice" part="choice">
      <input type="checkbox" name="no-password" value="yes" @change=${togglePassword} />
      <span>${noPassword}</span>
    </label>
  `;
  return { names: [{ name: USER }, { name: PASSWORD }], content, submit, read: readBasic };
}

function readBasic(form: HTMLFormElement): Credentials | Fault {
  const entered = { username: textOf(form, USER), password: textOf(form, PASSWORD) };
  const withoutPassword = textOf(form, 'no-password') !== '';
  const missing = [
    ...(entered.username === '' ? [USER] : []),
    ...(entered.password === '' && !withoutPassword ? [PASSWORD] : []),
  ];
  if (missing.length > 0) return { names: missing, code: 'missingProperty' };
  if (entered.username.includes(':')) return { names: [USER], code: 'colon' };
  return { kind: 'basic', ...entered, ...(withoutPassword && { password: '' }) };
}

/** The fields of a policy, for the auth type AuthFields. */
export function fieldsForm(props: PanelProps) {
  const { m, view } = props;
  const fields = view.fields ?? [];
  const content = fields.map(({ name, label, secret }, at) =>
    inputOf(m, {
      id: `setting-${at}`,
      label,
      name: `setting-${at}`,
      secret,
      required: true,
      help: secret && props.isEmptied ? m.emptied : undefined,
      problem: problemOfField(props, name),
    }),
  );
  const read = (form: HTMLFormElement): Credentials | Fault => {
    const values = Object.fromEntries(fields.map(({ name }, at) => [name, textOf(form, `setting-${at}`)]));
    const missing = fields.filter(({ name }) => values[name] === '').map(({ name }) => name);
    return missing.length > 0 ? { names: missing, code: 'missingProperty' } : { kind: 'fields', values };
  };
  return credentialsForm(props, { names: fields, content: html`${content}`, submit: m.panels.fields.submit, read });
}

/** The inputs of credentials on the form of the properties. A problem of the view belongs to the properties. */
export const inputsWith = (props: PanelProps, kind: 'apiKey' | 'basic'): CredentialInputs =>
  (kind === 'apiKey' ? apiKeyInputs : basicInputs)({ ...props, isEmptied: false });

function togglePassword({ currentTarget }: Event): void {
  const { checked, form } = currentTarget as HTMLInputElement;
  const password = form?.elements.namedItem(PASSWORD) as HTMLInputElement | HTMLTextAreaElement;
  password.disabled = checked;
  if (checked) password.value = '';
}
