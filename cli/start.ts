import type { View } from '../workflows/messages';
import { argumentsOf, checkCount, keyOf, print, type Command } from './command';
import { author } from './config';
import { oneLine } from './render';

/** Starts an authentication, or finds the one that runs. */
export const start: Command = {
  name: 'start',
  usage: 'ACCOUNT CONNECTOR [--reauthenticate] [--wait]',
  summary:
    'Starts an authentication, unless one runs already.\n' +
    '--reauthenticate asks for new input although the connector is authenticated.\n' +
    '--wait waits for its end: exit code 0 when it is authenticated then, 3 when not.',
  async run(argv, cli) {
    const options = { reauthenticate: { type: 'boolean' }, wait: { type: 'boolean' } } as const;
    const { values, positionals } = argumentsOf(argv, options);
    checkCount(positionals, 2);
    const key = keyOf(positionals);
    const flows = await cli.flows();

    const intent = values.reauthenticate ? 'reauthenticate' : 'authenticate';
    const started = await flows.start(key, { intent, by: author() });

    const text = `${started.started ? 'Started' : 'Runs already'}: ${started.workflowId} (${started.intent})`;
    print(cli, values.json, started, text);
    if (!values.wait) return 0;
    const view = await flows.result(key);
    cli.stderr.write(`${oneLine(outcomeOf(view))}\n`);
    return view.state === 'authenticated' ? 0 : 3;
  },
};

const outcomeOf = ({ state, failure }: View): string =>
  failure ? `${state}: ${failure.code}: ${failure.message}` : state;
