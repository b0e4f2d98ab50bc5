/** The element as one ES module, and the script of the hosted page, which loads it. */
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
      preserveEntrySignatures: 'strict', // what the element's module exports is for whoever embeds it
      output: { entryFileNames: '[name].js', chunkFileNames: '[name].js' },
    },
  },
});
