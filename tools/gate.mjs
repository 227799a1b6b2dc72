#!/usr/bin/env node
/**
 * Everything that a change must pass: types, lint and format, import rules, tests.
 * `--speed pure|adapter|product` (repeatable) picks the tests; the default is pure and adapter.
 * Ends with a line `N passed, N failed`.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ options: { speed: { type: 'string', multiple: true } } });
const speeds = values.speed ?? ['pure', 'adapter'];

const totals = { passed: 0, failed: 0, skipped: 0 };
const run = (title, command, args) => {
  console.log(`\n== ${title}`);
  const started = performance.now();
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  console.log(
    `== ${title}: ${status === 0 ? 'ok' : `exit status ${status}`} (${((performance.now() - started) / 1000).toFixed(1)} s)`,
  );
  return status === 0;
};
const check = (title, command, args) => {
  if (run(title, command, args)) totals.passed++;
  else totals.failed++;
};

check('types', 'npx', ['tsc', '--noEmit', '-p', 'tsconfig.json']);
check('types of the guest', 'npx', ['tsc', '--noEmit', '-p', 'guest/tsconfig.json']);
check('lint and format', 'npx', ['biome', 'check', '.']);
check('import rules', 'node', ['tools/check-imports.mjs']);
check('reference of the command line', 'node', ['tools/cli-reference.mjs', '--check']);

mkdirSync(resolve(root, '.work'), { recursive: true });
for (const speed of speeds) {
  const report = resolve(root, '.work', `${speed}.json`);
  const ok = run(`${speed} tests`, 'npx', [
    'vitest',
    'run',
    '--project',
    speed,
    '--reporter=default',
    '--reporter=json',
    `--outputFile=${report}`,
  ]);
  const counts = readCounts(report);
  totals.passed += counts.passed;
  totals.skipped += counts.skipped;
  // A file that does not even load fails the run without failing a test.
  totals.failed += ok ? counts.failed : Math.max(counts.failed, 1);
}

console.log(
  `\n${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}`,
);
process.exit(totals.failed === 0 ? 0 : 1);

function readCounts(report) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, 'utf8'));
    return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests };
  } catch (error) {
    console.error(`no report of the tests: ${error.message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}
