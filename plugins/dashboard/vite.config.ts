import { defaultClientConditions, defineConfig } from 'vite';

/** Everything is a file of our own origin: nothing inline, nothing from elsewhere, so that a page needs no exception from its policy. */
export default defineConfig({
  base: './',
  // The SDK's sources, not its dist: both are built at once, and dist may be old or not there yet.
  resolve: { conditions: ['kraken-source', ...defaultClientConditions] },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: { format: 'es' },
  build: { target: 'es2022', outDir: 'dist', assetsInlineLimit: 0, modulePreload: false, emptyOutDir: true, reportCompressedSize: false },
});
