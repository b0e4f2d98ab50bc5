import { html } from './html';
import type { PanelProps } from './props';
import { formOf, inputOf, problemText } from './form';

const problemOfField = ({ m, problem, name: connector }: PanelProps, name: string) => {
  const found = problem?.fields?.find((field) => field.name === name);
  return found && problemText(m, found.code, connector);
};

/** The problems of the input itself. A form with one field shows such a problem at this field. */
const inputProblems = ['malformed', 'refused', 'notOpenable', 'wrongKind'];

function atOnlyField(props: PanelProps, name: string): PanelProps {
  const { problem } = props;
  if (!problem || problem.fields || !inputProblems.includes(problem.code)) return props;
  return { ...props, problem: { ...problem, fields: [{ name, code: problem.code }] } };
}

const textOf = (form: HTMLFormElement, name: string): string => String(new FormData(form).get(name) ?? '');

export function apiKeyForm(original: PanelProps) {
  const props = atOnlyField(original, 'key');
  const { m, name, view, problem, act } = props;
  const { label, submit } = m.panels.apiKey;
  const submitForm = (form: HTMLFormElement) => {
    const key = textOf(form, 'connector-key');
    if (key.trim() === '') act.reportFaults(view, ['key'], 'missingProperty');
    else act.submitCredentials(view, { kind: 'apiKey', key }, form);
  };
  const input = inputOf(m, {
    id: 'key',
    label,
    name: 'connector-key',
    secret: true,
    required: true,
    problem: problem?.code === 'refused' ? m.keyRefused(name) : problemOfField(props, 'key'),
  });
  return formOf(props, [{ name: 'key' }], html`${input}`, submitForm, submit);
}

export function basicForm(props: PanelProps) {
  const { m, view, act } = props;
  const { username, password, noPassword, submit } = m.panels.basic;
  const submitForm = (form: HTMLFormElement) => {
    const entered = { username: textOf(form, 'connector-user'), password: textOf(form, 'connector-password') };
    const withoutPassword = textOf(form, 'no-password') !== '';
    const missing = [
      ...(entered.username === '' ? ['username'] : []),
      ...(entered.password === '' && !withoutPassword ? ['password'] : []),
    ];
    if (missing.length > 0) act.reportFaults(view, missing, 'missingProperty');
    else if (entered.username.includes(':')) act.reportFaults(view, ['username'], 'colon');
    else act.submitCredentials(view, { kind: 'basic', ...entered, ...(withoutPassword && { password: '' }) }, form);
  };
  const inputs = html`
    ${inputOf(m, {
      id: 'username',
      label: username,
      name: 'connector-user',
      required: true,
      problem: problemOfField(props, 'username'),
    })}
    ${inputOf(m, {
      id: 'password',
      label: password,
      name: 'connector-password',
      secret: true,
      help: props.isEmptied ? m.emptied : undefined,
      problem: problemOfField(props, 'password'),
    })}
    <label class="choice" part="choice">
      <input type="checkbox" name="no-password" value="yes" @change=${togglePassword} />
      <span>${noPassword}</span>
    </label>
  `;
  return formOf(props, [{ name: 'username' }, { name: 'password' }], inputs, submitForm, submit);
}

function togglePassword({ currentTarget }: Event): void {
  const { checked, form } = currentTarget as HTMLInputElement;
  const password = form?.elements.namedItem('connector-password') as HTMLInputElement | HTMLTextAreaElement;
  password.disabled = checked;
  if (checked) password.value = '';
}
