import type { ConnectorKey, Sealed } from '../workflows/connector';
import type { View } from '../workflows/messages';
import { publicKeyOf } from '../sealing/keys';
import { seal } from '../sealing/seal';
import { argumentsOf, checkCount, keyOf, type Cli, type Command } from './command';
import { author, sealingKeys } from './config';
import { onTerminal } from './prompt';
import { askForValues } from './property-questions';
import { valuesFromStdin, valuesIn, type Values } from './property-values';
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
    const secrets = Object.keys(typed).filter((name) => isSecret(view, name));
    if (values.set && secrets.length > 0) cli.stderr.write(WARNING);
    const sealed = await withSealed(secrets, typed, { ...key, submissionId }, cli);

    return answer(cli, values.json, await flows.submitProperties(key, { submissionId, values: sealed, by: author() }));
  },
};

/** It names no property: a name that nobody knows can be a secret without its name. */
const WARNING = "warning: a secret given as an argument stands in the shell's history and in the list of processes\n";

/** What the flow does not list may be a secret. */
const isSecret = ({ fields = [] }: View, name: string): boolean =>
  fields.find((field) => field.name === name)?.secret ?? true;

/** The values, those of these names sealed. Needs keys only where there is something to seal. */
async function withSealed(
  names: string[],
  values: Values,
  binding: ConnectorKey & { submissionId: string },
  cli: Cli,
): Promise<{ [name: string]: Sealed | string }> {
  if (names.length === 0) return values;
  const sealer = await publicKeyOf(await sealingKeys(cli));
  const sealed = names.map(async (name): Promise<[string, Sealed]> => [
    name,
    await seal(values[name]!, { ...binding, purpose: `property:${name}` }, sealer),
  ]);
  return Object.fromEntries([...Object.entries(values), ...(await Promise.all(sealed))]);
}
