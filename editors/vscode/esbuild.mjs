// Bundles the extension into `dist/extension.js`; with `--tests`, each file of `test/` into `out/`, where
// `node --test` runs them without an editor.
import { readdirSync } from 'node:fs';
import { build } from 'esbuild';

const tests = process.argv.includes('--tests');
await build({
  entryPoints: tests ? readdirSync('test').map((name) => `test/${name}`) : ['src/extension.ts'],
  outdir: tests ? 'out' : 'dist',
  bundle: true,
  platform: 'node',
  // What the oldest supported editor runs on.
  target: 'node20',
  format: 'cjs',
  external: ['vscode'],
  minify: !tests,
  sourcemap: tests ? 'inline' : false,
  legalComments: 'linked',
  logLevel: 'warning',
});
