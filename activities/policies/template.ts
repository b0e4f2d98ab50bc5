/**
 * Templates that turn the fields of AuthFields credentials into a property or the `AuthValue`. `{name}` stands for the
 * value of the field, `{name|json}` for the value escaped for a JSON string, `{name|base64}` for the value in base64.
 */

/** A piece of a template: a text, or the value of a field in one of the forms. */
type Piece = string | { name: string; form: Form };
type Form = keyof typeof forms;

const forms = {
  plain: (value: string) => value,
  json: (value: string) => JSON.stringify(value).slice(1, -1),
  base64: (value: string) => Buffer.from(value, 'utf8').toString('base64'),
};

/**
 * The pieces of a template. Undefined if the template has a brace that is not part of `{name}`, `{name|json}` or
 * `{name|base64}`.
 */
export function piecesOf(template: string): Piece[] | undefined {
  const parts = template.split(/(\{[^{}]*\})/);
  const pieces = parts.map((part, index) => (index % 2 === 1 ? fieldIn(part) : /[{}]/.test(part) ? undefined : part));
  return pieces.every((piece) => piece !== undefined) ? pieces.filter((piece) => piece !== '') : undefined;
}

function fieldIn(part: string): Piece | undefined {
  const [name = '', form = 'plain', ...more] = part.slice(1, -1).split('|');
  const isForm = Object.hasOwn(forms, form) && !part.includes('|plain');
  return name !== '' && isForm && more.length === 0 ? { name, form: form as Form } : undefined;
}

/** The names of the fields in a template. Empty if the template has a fault. */
export const namesIn = (template: string): string[] =>
  (piecesOf(template) ?? []).flatMap((piece) => (typeof piece === 'string' ? [] : [piece.name]));

/** The template with the values of the fields. Braces in a value stay unchanged, because a value is no template. */
export const filled = (template: string, values: ReadonlyMap<string, string>): string =>
  (piecesOf(template) ?? [])
    .map((piece) => (typeof piece === 'string' ? piece : forms[piece.form](values.get(piece.name) ?? '')))
    .join('');
