import { html } from 'lit';
import type { Scene } from '../scene';
import { formOf, inputOf, problemText } from './form';

const problemAt = ({ m, problem }: Scene, name: string) => {
  const there = problem?.fields?.find((field) => field.name === name);
  return there && problemText(m, there.code);
};

/** What can only be about what was typed: where there is one field, it is told there. */
const ofInput = ['malformed', 'refused', 'notOpenable', 'wrongKind'];

function atOnlyField(scene: Scene, name: string): Scene {
  const { problem } = scene;
  if (!problem || problem.fields || !ofInput.includes(problem.code)) return scene;
  return { ...scene, problem: { ...problem, fields: [{ name, code: problem.code }] } };
}

const textOf = (form: HTMLFormElement, name: string): string => String(new FormData(form).get(name) ?? '');

export function apiKeyForm(given: Scene) {
  const scene = atOnlyField(given, 'key');
  const { m, view, act } = scene;
  const { label, submit } = m.panels.apiKey;
  const give = (form: HTMLFormElement) => {
    const key = textOf(form, 'connector-key').trim();
    if (key === '') act.miss(view, ['key']);
    else act.giveCredentials(view, { kind: 'apiKey', key }, form);
  };
  const input = inputOf(m, {
    id: 'key',
    label,
    name: 'connector-key',
    secret: true,
    required: true,
    problem: problemAt(scene, 'key'),
  });
  return formOf(scene, [{ name: 'key' }], html`${input}`, give, submit);
}

export function basicForm(scene: Scene) {
  const { m, view, act } = scene;
  const { username, password, noPassword, submit } = m.panels.basic;
  const give = (form: HTMLFormElement) => {
    const given = { username: textOf(form, 'connector-user').trim(), password: textOf(form, 'connector-password') };
    const withoutPassword = textOf(form, 'no-password') !== '';
    const missing = [
      ...(given.username === '' ? ['username'] : []),
      ...(given.password === '' && !withoutPassword ? ['password'] : []),
    ];
    if (missing.length > 0) act.miss(view, missing);
    else act.giveCredentials(view, { kind: 'basic', ...given, ...(withoutPassword && { password: '' }) }, form);
  };
  const inputs = html`
    ${inputOf(m, {
      id: 'username',
      label: username,
      name: 'connector-user',
      required: true,
      cleared: true,
      problem: problemAt(scene, 'username'),
    })}
    ${inputOf(m, {
      id: 'password',
      label: password,
      name: 'connector-password',
      secret: true,
      autocomplete: 'new-password', // not the one that the browser has for this site
      problem: problemAt(scene, 'password'),
    })}
    <label class="choice" part="choice">
      <input type="checkbox" name="no-password" value="yes" @change=${togglePassword} />
      <span>${noPassword}</span>
    </label>
  `;
  return formOf(scene, [{ name: 'username' }, { name: 'password' }], inputs, give, submit);
}

function togglePassword({ currentTarget }: Event): void {
  const { checked, form } = currentTarget as HTMLInputElement;
  const password = form?.elements.namedItem('connector-password') as HTMLInputElement;
  password.disabled = checked;
  if (checked) password.value = '';
}
