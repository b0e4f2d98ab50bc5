/** Makes messages from texts with placeholders. Pure functions, without the document. */
import { en, type Messages } from './en';

/**
 * A text with `{0}` for the first argument, or a list of such texts. From a list, the page uses the first text for
 * whose placeholders all arguments are given.
 */
type Template = string | string[];

/** Texts of the host page that replace some messages: texts, templates, or functions with the same arguments. */
export type OwnMessages<T = Messages> = {
  [K in keyof T]?: T[K] extends string
    ? string
    : T[K] extends (...args: never[]) => string
      ? T[K] | Template
      : OwnMessages<T[K]>;
};

/** The messages of `base`, with the texts of `own` in their place. Unknown texts are ignored. */
export function messagesWith(own: unknown, base: Messages = en): Messages {
  const { tag, direction } = { ...base, ...(own as Partial<Messages>) };
  return merged(base, own, (template) => filled(template, tag, direction)) as Messages;
}

type Fill = (template: Template) => (...args: unknown[]) => string;

const isTemplate = (value: unknown): value is Template =>
  typeof value === 'string' || (Array.isArray(value) && value.every((text) => typeof text === 'string'));

function merged(base: object, own: unknown, fill: Fill): object {
  const given = new Map(Object.entries(own ?? {}));
  const entries = Object.entries(base).map(([name, message]: [string, unknown]) => {
    const text: unknown = given.get(name);
    if (typeof message === 'object') return [name, merged(message!, text, fill)];
    if (typeof message === 'string') return [name, typeof text === 'string' ? text : message];
    return [name, typeof text === 'function' ? text : isTemplate(text) ? fill(text) : message];
  });
  return Object.fromEntries(entries) as object;
}

const PLACEHOLDER = /\{(\d)\}/g;

/**
 * Makes a function that puts its arguments into the template. In a right-to-left language, Unicode isolation marks
 * surround each argument.
 */
function filled(template: Template, tag: string, direction: string): (...args: unknown[]) => string {
  const numbers = new Intl.NumberFormat(tag, { useGrouping: false });
  const texts = [template].flat();
  return (...args) => {
    const shown = (at: string): string | undefined => {
      const value = args[Number(at)];
      if (typeof value === 'number') return numbers.format(value);
      return typeof value === 'string' && direction === 'rtl' ? `\u2068${value}\u2069` : (value as string | undefined);
    };
    const isWhole = (text: string) => [...text.matchAll(PLACEHOLDER)].every(([, at]) => shown(at!) !== undefined);
    const text = texts.find(isWhole) ?? texts.at(-1) ?? '';
    return text.replace(PLACEHOLDER, (_found, at: string) => shown(at) ?? '');
  };
}
