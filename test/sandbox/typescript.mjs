// Compiles TypeScript for a plain node process, as Jest does for tests: node typescript.mjs main.ts
import Module, { createRequire } from 'node:module';
import { transformFileSync } from '@swc/core';

Module._extensions['.ts'] = (module, filename) => {
  const jsc = { parser: { syntax: 'typescript' }, target: 'es2022' };
  const { code } = transformFileSync(filename, { jsc, module: { type: 'commonjs' }, swcrc: false });
  module._compile(code, filename);
};

createRequire(import.meta.url)(process.argv[2]);
