/**
 * The command `credentials`. The command reads the credentials from answers on a terminal or from JSON on standard
 * input, never from arguments, and seals them.
 */
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { credentialsOf } from '../sealing/credentials';
import { publicKeyOf } from '../sealing/keys';
import { sealCredentials } from '../sealing/seal';
import { authMethodOf, type AuthMethod, type Field } from '../workflows/connector';
import type { Credentials } from '../workflows/messages';
import type { View } from '../workflows/view';
import { addConnectorCommand, submissionIdOption, type JsonOption } from './arguments';
import type { Cli } from './cli';
import { author, sealingKeys } from './config';
import { CliError } from './errors';
import { onTerminal, readJsonText, type Ask } from './input';
import { oneLine, printAnswer } from './output';

export function addCredentialsCommand(program: Command, cli: Cli): void {
  addConnectorCommand(
    program,
    'credentials',
    'Sends the API key, the user name and password, the tokens or the fields of a connector, sealed.',
    'On a terminal, asks for the values; otherwise reads JSON from standard input: {"kind":"apiKey","key":…}, ' +
      '{"kind":"basic","username":…,"password":…}, {"kind":"tokens","accessToken":…,"refreshToken":…} or ' +
      '{"kind":"fields","values":{"name":…}}.',
  )
    .option(...submissionIdOption)
    .action(async (accountId: string, connectorId: number, options: JsonOption & { submissionId?: string }) => {
      const key = { accountId, connectorId };
      const submissionId = options.submissionId ?? randomUUID();
      const given = cli.stdin.isTTY ? undefined : credentialsOf(await readJsonText(cli));
      const sealingKey = await publicKeyOf(await sealingKeys(cli));
      const flows = await cli.flows();
      const typed = given ?? (await onTerminal(cli, questionsFor(await flows.view(key))));
      const credentials = await sealCredentials(typed, { ...key, submissionId }, sealingKey);
      printAnswer(cli, options.json, await flows.submitCredentials(key, { submissionId, credentials, by: author() }));
    });
}

type Dialogue = (ask: Ask) => Promise<Credentials>;

const questions: { [M in AuthMethod]?: Dialogue } = {
  apiKey: async (ask) => ({ kind: 'apiKey', key: await ask({ label: 'API key', hidden: true }) }),
  basic: async (ask) => ({
    kind: 'basic',
    username: await ask({ label: 'User name' }),
    password: await ask({ label: 'Password', hidden: true }),
  }),
  tokens: async (ask) => {
    const accessToken = await ask({ label: 'Access token', hidden: true });
    const refreshToken = await ask({ label: 'Refresh token [optional]', hidden: true });
    return { kind: 'tokens', accessToken, ...(refreshToken && { refreshToken }) };
  },
};

/** The dialogue for the auth type AuthFields: one question for each field that the policy names. */
const fieldsDialogue =
  (fields: readonly Field[]): Dialogue =>
  async (ask) => {
    const values: { [name: string]: string } = {};
    for (const { name, label, secret } of fields) values[name] = await ask({ label: oneLine(label), hidden: secret });
    return { kind: 'fields', values };
  };

/**
 * The questions for the credentials of a connector. Fails: `notNow` if the flow does not wait for credentials that can
 * be typed. The dialogue fails: `malformed` if the answers are no credentials.
 */
function questionsFor({ state, connector, fields }: View): Dialogue {
  const method = connector && authMethodOf(connector);
  const typed = fields ? fieldsDialogue(fields) : method && questions[method];
  const dialogue = state === 'awaitingCredentials' && typed;
  if (dialogue) return async (ask) => credentialsOf(JSON.stringify(await dialogue(ask)));
  const tokens = state === 'awaitingAuthorization' ? '; tokens can be sent as JSON on standard input' : '';
  throw new CliError('notNow', `the flow does not ask for credentials that can be typed (state ${state})${tokens}`);
}
