import fc from 'fast-check';

// The seed is fixed, so that each execution of the tests of one commit uses the same values. `FC_SEED` sets another
// one.
fc.configureGlobal({ seed: Number(process.env['FC_SEED'] ?? 1) });

export default fc;
