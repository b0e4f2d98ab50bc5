import type { Problem, ProblemCode } from './view';

/** What each problem says. Ours, always: Cyclr's own text can repeat what was typed. */
const messages: Record<ProblemCode, string> = {
  malformed: 'The input does not have the shape it must have.',
  notNow: 'This input is not waited for at the moment.',
  notSealed:
    'A secret was sent unsealed and was not used. It now stands in clear in the history of this workflow: replace it at its source.',
  notOpenable:
    'The sealed value can not be opened here: it was sealed for something else, too long ago, or to another key.',
  wrongKind: 'These credentials are not of the kind that this connector asks for.',
  unknownProperty: 'The connector has no such property.',
  missingProperty: 'A required property is missing.',
  refused: 'Cyclr did not accept what was given.',
  notAuthorized: 'Cyclr does not report this connector as authorized.',
  cyclrUnavailable: 'Cyclr can not be reached at the moment. Nothing is wrong with what was given.',
};

/** A problem in our own words; `names` are the properties it is about, `detail` known-safe words such as a status. */
export function problemOf(code: ProblemCode, names: readonly string[] = [], detail?: string): Problem {
  const fields = names.map((name) => ({ name, code }));
  const message = detail ? `${messages[code]} (${detail})` : messages[code];
  return { code, message, ...(fields.length > 0 && { fields }) };
}
