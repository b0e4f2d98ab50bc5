import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isFinal, transition } from '../../../workflows/authenticate-connector/machine';
import { allEvents, allStates, states } from '../../../scripts/faults/machine-samples';

const readme = readFileSync(join(__dirname, '..', '..', '..', 'README.md'), 'utf8');
const diagram = /```mermaid\n(.*?)```/s.exec(readme)?.[1] ?? '';

/** `from event to`, for each event of each drawn arrow; the one box for all open states stands for each of them. */
const drawn = [...diagram.matchAll(/^ *(\w+) --> (\w+) : (.+)$/gm)].flatMap(([, from, to, events]) =>
  events!.split(', ').flatMap((event) => {
    const froms = from === 'open' ? states.filter((state) => !isFinal(state)).map(({ name }) => name) : [from];
    return froms.map((name) => `${name} ${event} ${to}`);
  }),
);

const made = allStates.flatMap((state) =>
  allEvents.flatMap((event) => {
    const { name } = transition(state, event);
    return name === state.name ? [] : [`${state.name} ${event.type} ${name}`];
  }),
);

test("the README's diagram has the machine's arrows, all of them and no other", () => {
  expect([...drawn].sort()).toEqual([...new Set(made)].sort());
});

test('it begins where an authentication begins', () => {
  expect(diagram).toContain('[*] --> fetchingConnector');
});
