/**
 * `node test/page/bundle.mjs FILE` bundles a module with all its imports in development mode, and prints the bundle.
 */
import { build } from 'vite';

const built = await build({
  configFile: false,
  logLevel: 'error',
  mode: 'development',
  define: { 'process.env.NODE_ENV': '"development"' },
  build: { write: false, minify: false, rollupOptions: { input: process.argv[2] } },
});
process.stdout.write([built].flat()[0].output[0].code);
