import { argumentsOf } from '../../scripts/faults/arguments';
import { drawOnboardings } from '../../scripts/faults/onboardings';
import { drawPlans } from '../../scripts/faults/plan';
import { expectations } from '../../scripts/user/expectations';
import { catalogue } from '../../sandbox/catalogue';

const plans = (seed: number, flows: number) => drawPlans(seed, flows, false);

test('the same seed gives the same plans, and another seed gives other plans', () => {
  expect(plans(1, 50)).toEqual(plans(1, 50));
  expect(plans(2, 50)).not.toEqual(plans(1, 50));
});

test('the plan of a flow does not depend on the number of flows', () => {
  expect(plans(1, 50).slice(0, 20)).toEqual(plans(1, 20));
});

test('300 plans contain every connector, every kind of start that makes a flow fail, every way to stop a run and every final state', () => {
  const drawn = plans(1, 300);
  const runs = drawn.flatMap((plan) => plan.runs);
  const distinct = (values: (string | undefined)[]) =>
    [...new Set(values.filter((value) => value !== undefined))].sort();

  expect(distinct(drawn.map(({ connector }) => connector))).toEqual(Object.keys(expectations).sort());
  expect(distinct(drawn.map(({ badStart }) => badStart))).toEqual(['noAccount', 'noConnector', 'noInput', 'otherId']);
  expect(distinct(runs.map(({ stop }) => stop?.how))).toHaveLength(5);
  expect(distinct(runs.flatMap(({ expected }) => expected.states))).toEqual(
    expect.arrayContaining(['authenticated', 'cancelled', 'expired', 'failed', 'unsupported']),
  );
});

test('50 planned onboardings contain every way to end, with and without added connectors, and with and without a repeated start', () => {
  const drawn = drawOnboardings(1, 50);

  expect(new Set(drawn.map(({ end }) => end)).size).toBe(3);
  expect(new Set(drawn.map(({ added, startedTwice }) => `${added} ${startedTwice}`)).size).toBe(4);
});

test('every connector of the catalogue has an expected outcome', () => {
  expect(Object.keys(expectations).sort()).toEqual(catalogue.map(({ key }) => key).sort());
});

test('without options argumentsOf returns 100 flows and no seed', () => {
  expect(argumentsOf([])).toEqual({ help: false, seed: undefined, flows: 100 });
  expect(argumentsOf(['--seed', '0', '--flows', '7'])).toEqual({ help: false, seed: 0, flows: 7 });
});

test.each(['--seed x', '--seed -1', '--seed', '--flows 0', '--flows 1.5', '--flow 1', '7'])(
  'the options %s are refused',
  (line) => {
    expect(() => argumentsOf(line.split(' '))).toThrow();
  },
);
