import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isFinal, transition } from '../../../workflows/authenticate-connector/machine';
import { allEvents, allStates, states } from '../../../scripts/faults/machine-samples';

const readme = readFileSync(join(__dirname, '..', '..', '..', 'README.md'), 'utf8');
const diagram = /```mermaid\n(stateDiagram.*?)```/s.exec(readme)?.[1] ?? '';

/** The text `from event to` for each event of each arrow in the diagram. The box `open`: all non-final states. */
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

test("the README's state diagram has exactly the transitions of the machine", () => {
  expect([...drawn].sort()).toEqual([...new Set(made)].sort());
});

test("the README's state diagram starts in fetchingConnector", () => {
  expect(diagram).toContain('[*] --> fetchingConnector');
});
