#!/usr/bin/env node
/**
 * Writes docs/reference/cli.md: every command's own `--help`, in the order of `orlop --help`.
 * `--check` writes nothing, and fails when the file is not what would be written.
 */
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { nodeBundle } from './bundle-options.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const file = join(root, 'docs', 'reference', 'cli.md');
const WIDTH = 110;

const text = await reference();
if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (readWritten() !== text) {
  console.error('docs/reference/cli.md is not what the commands say: node tools/cli-reference.mjs');
  process.exit(1);
}

function readWritten() {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

async function reference() {
  const folder = mkdtempSync(join(tmpdir(), 'orlop-reference-'));
  try {
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    await build({
      ...nodeBundle,
      absWorkingDir: root,
      entryPoints: { program: 'packages/cli/src/program.ts' },
      outdir: folder,
      logLevel: 'error',
      define: { ORLOP_COMMIT: '""' },
    });
    const { orlopProgram } = await import(pathToFileURL(join(folder, 'program.mjs')).href);
    // Registering commands asks nothing of the machine but the variables that give defaults.
    return print(orlopProgram({ env: {}, cwd: '/' }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function print(program) {
  const parts = [
    '# The command line\n',
    'Written by `node tools/cli-reference.mjs` out of what the commands say themselves; the gate checks that it is up to',
    'date. Exit statuses are in [exit-status.md](exit-status.md), the name `linuxkit` in [linuxkit.md](linuxkit.md).\n',
  ];
  for (const command of walk(program)) {
    const level = command.parent?.parent == null ? '##' : '###';
    parts.push(`${level} ${pathOf(command)}\n`, '```', helpOf(command), '```\n');
  }
  return parts.join('\n');
}

function* walk(command) {
  yield command;
  for (const child of command.createHelp().visibleCommands(command)) {
    if (child.name() !== 'help') yield* walk(child);
  }
}

function pathOf(command) {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

function helpOf(command) {
  let text = '';
  command.configureOutput({
    writeOut: (piece) => {
      text += piece;
    },
    getOutHelpWidth: () => WIDTH,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trimEnd();
}
