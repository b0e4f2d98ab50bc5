import type { Problem, ProblemCode } from './view';

/**
 * The message of each problem is a fixed text. Never use a text of Cyclr in a message, because the text can quote the
 * input.
 */
const messages: Record<ProblemCode, string> = {
  malformed: 'The input does not have the required shape.',
  notNow: 'The flow does not accept this input in its present state.',
  notSealed:
    'A secret was sent unsealed. The flow did not use it, but it stands in clear in the history of this workflow: replace it at its source.',
  notOpenable:
    'The worker cannot open the sealed value: it was sealed for another connector, property or submission, or to a key that the worker does not have.',
  wrongKind: 'These credentials are not of the kind that this connector needs.',
  unknownProperty: 'The connector has no such property.',
  missingProperty: 'A required property is missing.',
  refused: 'Cyclr did not accept the input.',
  notAuthorized: 'Cyclr does not report this connector as authenticated.',
  cyclrUnavailable: 'Cyclr gives no usable answer at the moment. This is no fault of the input.',
};

/**
 * Because of a fault of the SDK, a query can apply the events of a workflow task that the worker has not yet handled
 * (see `ReadAhead`). The query then fails with an error that has this message. The workflow task after the query can
 * fail with the same error, too. The caller repeats the query, and Temporal repeats the workflow task. Both repetitions
 * succeed.
 */
export const READ_AHEAD = 'A query has read ahead of a workflow task: repeat it';

/**
 * Shortly before Continue-As-New, a flow rejects each update. The second detail of this failure is this hint: the
 * caller sends the same update again, and the next run can accept the update.
 */
export const retryHint = { retry: true };

/**
 * The problem of a code. `names`: the properties that have the problem. `detail`: words without a secret, such as a
 * status.
 */
export function problemOf(code: ProblemCode, names: readonly string[] = [], detail?: string): Problem {
  const fields = names.map((name) => ({ name, code }));
  const message = detail ? `${messages[code]} (${detail})` : messages[code];
  return { code, message, ...(fields.length > 0 && { fields }) };
}
