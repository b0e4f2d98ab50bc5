/**
 * Builds three scripts: the element as an ES module, the script of the hosted page, which loads this module, and the
 * script of the pages without the element.
 */
import { defineConfig } from 'vite';

const input = { 'cyclr-connect': 'element.ts', page: 'page.ts', return: 'return.ts' };

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  publicDir: 'static',
  logLevel: 'warn',
  build: {
    target: 'es2022',
    emptyOutDir: true,
    modulePreload: false,
    rollupOptions: {
      input,
      preserveEntrySignatures: 'strict', // host pages use the exports of the element's module
      output: { entryFileNames: '[name].js', chunkFileNames: '[name].js' },
    },
  },
});
