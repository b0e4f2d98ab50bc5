/** What `properties` and `credentials` have in common. */
import { randomUUID } from 'node:crypto';
import { waitingStates, type View } from '../workflows/view';
import { print, submissionIdOf, type Cli, type ExitCode } from './command';
import { oneLine, viewText } from './render';

export const submissionOption = { 'submission-id': { type: 'string' } } as const;

export const SUBMISSION_ID_HELP = '--submission-id ID makes it safe to repeat: an id seen before changes nothing.';

/** The id that was given, else a fresh one. Fails: `wrongUsage`. */
export const submissionIdIn = ({ 'submission-id': given }: { 'submission-id'?: string }): string =>
  given === undefined ? randomUUID() : submissionIdOf(given);

/** Writes the view that a submission was answered with: 1 where it was refused, 0 where it was taken or still may be. */
export function answer(cli: Cli, json: boolean | undefined, view: View): ExitCode {
  print(cli, json, view, viewText(view));
  const { problem, state } = view;
  if (!problem || problem.code === 'cyclrUnavailable' || !waitingStates.includes(state)) return 0;
  cli.stderr.write(`${oneLine(`${problem.code}: ${problem.message}`)}\n`);
  return 1;
}
