import { credentialsOf } from '../sealing/credentials';
import { publicKeyOf } from '../sealing/keys';
import { sealCredentials } from '../sealing/seal';
import { argumentsOf, checkCount, keyOf, type Command } from './command';
import { author, sealingKeys } from './config';
import { questionsFor } from './credential-questions';
import { onTerminal } from './prompt';
import { readJsonText } from './stdin';
import { answer, submissionIdIn, SUBMISSION_ID_HELP, submissionOption } from './submission';

/** Gives an API key, a user name and password, or tokens: sealed. */
export const credentials: Command = {
  name: 'credentials',
  usage: 'ACCOUNT CONNECTOR [--submission-id ID]',
  summary:
    'Gives the API key, the user name and password, or the tokens: sealed, never as arguments.\n' +
    'Asks on a terminal, and else reads JSON from standard input: {"kind":"apiKey","key":…},\n' +
    '{"kind":"basic","username":…,"password":…} or {"kind":"tokens","accessToken":…,"refreshToken":…}.\n' +
    SUBMISSION_ID_HELP,
  async run(argv, cli) {
    const { values, positionals } = argumentsOf(argv, submissionOption);
    checkCount(positionals, 2);
    const key = keyOf(positionals);
    const submissionId = submissionIdIn(values);
    const given = cli.stdin.isTTY ? undefined : credentialsOf(await readJsonText(cli));
    const sealer = await publicKeyOf(await sealingKeys(cli));
    const flows = await cli.flows();

    const typed = given ?? (await onTerminal(cli, questionsFor(await flows.view(key))));
    const sealed = await sealCredentials(typed, { ...key, submissionId }, sealer);

    return answer(
      cli,
      values.json,
      await flows.submitCredentials(key, { submissionId, credentials: sealed, by: author() }),
    );
  },
};
