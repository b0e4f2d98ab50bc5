import fc from 'fast-check';

const { FC_SEED = '1', FC_TIMES = '1' } = process.env;

/** The number of values that a property test tries. The environment variable FC_TIMES multiplies this number. */
export const runs = (count: number): number => count * Number(FC_TIMES);

// The seed is fixed, so that each execution of the tests of one commit uses the same values. The environment variable
// FC_SEED sets another seed.
fc.configureGlobal({ seed: Number(FC_SEED), numRuns: runs(100) });

export default fc;
