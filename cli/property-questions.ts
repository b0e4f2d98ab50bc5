import type { Field } from '../workflows/connector';
import type { View } from '../workflows/messages';
import { CliError } from './errors';
import type { Ask } from './prompt';
import { oneLine } from './render';

/**
 * Asks for the missing fields of a view; for all of them where none is missing, something was wrong, or new input is
 * the point. What is answered with nothing stays as it is. Fails: `notNow` where the flow waits for something else.
 */
export async function askForValues(ask: Ask, view: View): Promise<{ [name: string]: string }> {
  if (!view.fields) throw new CliError('notNow', `in ${view.state} no properties are asked for`);
  const values: { [name: string]: string } = {};
  for (const field of fieldsToAsk(view, view.fields)) {
    const value = await askFor(ask, field);
    if (value !== '') values[field.name] = value;
  }
  return values;
}

function fieldsToAsk({ intent, problem }: View, fields: Field[]): Field[] {
  const missing = fields.filter(({ stored }) => !stored);
  return intent === 'reauthenticate' || problem || missing.length === 0 ? fields : missing;
}

async function askFor(ask: Ask, field: Field): Promise<string> {
  const question = { label: labelOf(field), hidden: field.secret, multiline: field.multiline };
  const proposed = field.stored ? '' : (field.default ?? '');
  for (;;) {
    const value = (await ask(question)) || proposed;
    if (value !== '' || field.stored || !field.required) return value;
  }
}

function labelOf({ label, required, stored, options, help, default: proposed }: Field): string {
  const enter = stored ? 'Enter keeps it' : proposed ? `Enter for ${proposed}` : required ? 'required' : 'optional';
  const choices = options?.length ? `${options.join(' | ')}; ` : '';
  return oneLine(`${label}${help ? ` (${help})` : ''} [${choices}${enter}]`);
}
