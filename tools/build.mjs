#!/usr/bin/env node
/** Bundles the command line to dist/ and the guest's programs to guest/dist/. A second or less; no caching. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { nodeBundle } from './bundle-options.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const shared = { absWorkingDir: root, legalComments: 'none', logLevel: 'warning' };

/** Empty for sources without git, such as an unpacked archive. */
const commit = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).stdout?.trim() ?? '';

await build({
  ...shared,
  ...nodeBundle,
  define: { ORLOP_COMMIT: JSON.stringify(commit) },
  entryPoints: { orlop: 'packages/cli/src/main.ts' },
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  target: 'node20.19',
  // Comments stay in the bodies of classes otherwise, and V8 keeps a text with one letter beyond Latin-1 at two bytes each.
  minifyWhitespace: true,
  lineLimit: 200,
  sourcemap: 'linked',
});

// Other names link to it: `linuxkit`.
chmodSync(join(root, 'dist', 'orlop.mjs'), 0o755);

const programs = join(root, 'guest', 'src', 'programs');
mkdirSync(join(root, 'guest', 'dist'), { recursive: true });
const entryPoints = readdirSync(programs, { withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
  .map((entry) => join('guest', 'src', 'programs', entry.name));
if (entryPoints.length > 0) {
  await build({
    ...shared,
    bundle: true,
    format: 'esm',
    entryPoints,
    outdir: 'guest/dist',
    platform: 'neutral',
    target: 'es2023',
    // QuickJS's own modules.
    external: ['std', 'os', 'bjson'],
  });
}
