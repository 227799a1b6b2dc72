#!/usr/bin/env node
/**
 * Everything that a change must pass: types, lint and format, import rules, tests.
 * `--speed pure|adapter|product` (repeatable) picks the tests; the default is pure and adapter.
 * Ends with what failed, a line each, and a line `N passed, N failed`.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ options: { speed: { type: 'string', multiple: true } } });
const speeds = values.speed ?? ['pure', 'adapter'];

const totals = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
const run = (title, command, args, env = {}) => {
  console.log(`\n== ${title}`);
  const started = performance.now();
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  console.log(
    `== ${title}: ${status === 0 ? 'ok' : `exit status ${status}`} (${((performance.now() - started) / 1000).toFixed(1)} s)`,
  );
  return status === 0;
};
const check = (title, command, args) => {
  if (run(title, command, args)) totals.passed++;
  else {
    totals.failed++;
    failures.push(title);
  }
};

check('types', 'npx', ['tsc', '--noEmit', '-p', 'tsconfig.json']);
check('types of the guest', 'npx', ['tsc', '--noEmit', '-p', 'guest/tsconfig.json']);
check('lint and format', 'npx', ['biome', 'check', '.']);
check('import rules', 'node', ['tools/check-imports.mjs']);
check('reference of the command line', 'node', ['tools/cli-reference.mjs', '--check']);

mkdirSync(resolve(root, '.work'), { recursive: true });
for (const speed of speeds) {
  const file = resolve(root, '.work', `${speed}.json`);
  rmSync(file, { force: true });
  const ok = run(
    `${speed} tests`,
    'npx',
    ['vitest', 'run', '--project', speed, '--reporter=default', '--reporter=./tools/gate-reporter.mjs'],
    { GATE_REPORT: file },
  );
  const report = readReport(file);
  totals.passed += report.passed;
  totals.skipped += report.skipped;
  // A file that does not even load fails the run without failing a test.
  totals.failed += ok ? report.failed : Math.max(report.failed, 1);
  failures.push(...report.failures);
}

if (failures.length > 0) console.log(`\nWhat failed:\n  ${failures.join('\n  ')}`);
console.log(
  `\n${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}`,
);
process.exit(totals.failed === 0 ? 0 : 1);

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    return { passed: 0, failed: 1, skipped: 0, failures: [`no report of the tests: ${error.message}`] };
  }
}
