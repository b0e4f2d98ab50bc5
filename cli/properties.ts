import { publicKeyOf } from '../sealing/keys';
import { sealProperties, secretsIn } from '../sealing/seal';
import { argumentsOf, checkCount, keyOf, type Command } from './command';
import { author, sealingKeys } from './config';
import { onTerminal } from './prompt';
import { askForValues } from './property-questions';
import { valuesFromStdin, valuesIn } from './property-values';
import { answer, submissionIdIn, SUBMISSION_ID_HELP, submissionOption } from './submission';

/** Sets properties, the secret ones sealed. */
export const properties: Command = {
  name: 'properties',
  usage: 'ACCOUNT CONNECTOR [--set NAME=VALUE …] [--submission-id ID]',
  summary:
    'Sets properties of the connector, the secret ones sealed.\n' +
    'Without --set, asks on a terminal, and else reads a JSON object of texts from standard input.\n' +
    SUBMISSION_ID_HELP,
  async run(argv, cli) {
    const options = { set: { type: 'string', multiple: true }, ...submissionOption } as const;
    const { values, positionals } = argumentsOf(argv, options);
    checkCount(positionals, 2);
    const key = keyOf(positionals);
    const submissionId = submissionIdIn(values);
    const given = values.set ? valuesIn(values.set) : cli.stdin.isTTY ? undefined : await valuesFromStdin(cli);
    const flows = await cli.flows();

    const view = await flows.view(key);
    const typed = given ?? (await onTerminal(cli, (ask) => askForValues(ask, view)));
    const secrets = secretsIn(typed, view.fields);
    const hasSecrets = Object.keys(secrets).length > 0;
    if (values.set && hasSecrets) cli.stderr.write(WARNING);
    const sealer = hasSecrets && (await publicKeyOf(await sealingKeys(cli)));
    const sealed = sealer && (await sealProperties(secrets, { ...key, submissionId }, sealer));

    const input = { submissionId, values: { ...typed, ...sealed }, by: author() };
    return answer(cli, values.json, await flows.submitProperties(key, input));
  },
};

/** It names no property: a name that nobody knows can be a secret without its name. */
const WARNING = "warning: a secret given as an argument stands in the shell's history and in the list of processes\n";
