import fc from 'fast-check';

const { FC_SEED = '1', FC_TIMES = '1' } = process.env;

/** Returns the number of values that a property test tries: `count`, times the environment variable FC_TIMES. */
export const runs = (count: number): number => count * Number(FC_TIMES);

// The seed is fixed, so that each execution of the tests of one commit uses the same values. The environment variable
// FC_SEED sets another seed.
fc.configureGlobal({ seed: Number(FC_SEED), numRuns: runs(100) });

export default fc;
