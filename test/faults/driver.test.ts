import { argumentsOf } from '../../scripts/faults/arguments';
import { connectors } from '../../scripts/faults/connectors';
import { drawPlans } from '../../scripts/faults/plan';
import { Random } from '../../scripts/faults/random';
import { catalogue } from '../../sandbox/catalogue';

const plans = (seed: number, flows: number) => drawPlans(new Random(`${seed}`), flows, false);

test('the same seed makes the same plans, and another seed makes others', () => {
  expect(plans(1, 50)).toEqual(plans(1, 50));
  expect(plans(2, 50)).not.toEqual(plans(1, 50));
});

test('what a flow does hangs on no other flow', () => {
  expect(plans(1, 50).slice(0, 20)).toEqual(plans(1, 20));
});

test('three hundred flows meet every connector, every flaw, every way to stop and every kind of outcome', () => {
  const drawn = plans(1, 300);
  const runs = drawn.flatMap((plan) => plan.runs);
  const seen = (values: (string | undefined)[]) => [...new Set(values.filter((value) => value !== undefined))].sort();

  expect(seen(drawn.map(({ connector }) => connector))).toEqual(Object.keys(connectors).sort());
  expect(seen(drawn.map(({ flaw }) => flaw))).toEqual(['foreignId', 'noAccount', 'noConnector', 'noInput']);
  expect(seen(runs.map(({ stop }) => stop?.how))).toHaveLength(5);
  expect(seen(runs.flatMap(({ ends }) => ends))).toEqual(
    expect.arrayContaining(['authenticated', 'cancelled', 'expired', 'failed', 'unsupported']),
  );
});

test('no connector of the catalogue is left out', () => {
  expect(Object.keys(connectors).sort()).toEqual(catalogue.map(({ key }) => key).sort());
});

test('draws are spread, and stay where they should', () => {
  const random = new Random('any');
  const draws = Array.from({ length: 3000 }, () => random.between(1, 6));

  for (const face of [1, 2, 3, 4, 5, 6]) {
    const count = draws.filter((draw) => draw === face).length;
    expect(count).toBeGreaterThan(400);
    expect(count).toBeLessThan(600);
  }
  expect(random.shuffled([1, 2, 3]).sort()).toEqual([1, 2, 3]);
});

test('a seed is random unless it is given, and there are a hundred flows unless there are others', () => {
  expect(argumentsOf([])).toEqual({ help: false, seed: undefined, flows: 100 });
  expect(argumentsOf(['--seed', '0', '--flows', '7'])).toEqual({ help: false, seed: 0, flows: 7 });
});

test.each(['--seed x', '--seed -1', '--seed', '--flows 0', '--flows 1.5', '--flow 1', '7'])(
  '%s is wrong usage',
  (line) => {
    expect(() => argumentsOf(line.split(' '))).toThrow();
  },
);
