#!/usr/bin/env node
/** Holds the table of import-rules.mjs against the code: what the compiler does not catch. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packages } from './import-rules.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^'";]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g;

/** Every rule that the files of one package break, and its graph of relative imports. */
export function checkPackage(name, files, graph = new Map()) {
  const rule = packages[name];
  if (rule === undefined) return [`packages/${name}: not in tools/import-rules.mjs`];
  const problems = [];
  for (const { path, text } of files) {
    const isTest = /\.test\.ts$/.test(path) || path.includes('/testing/');
    const targets = [];
    for (const match of text.matchAll(IMPORT)) {
      const target = match[1] ?? match[2] ?? match[3];
      const problem = checkImport({ name, rule, path, target, isTest });
      if (problem !== undefined) problems.push(`${path}: ${problem}`);
      if (target.startsWith('.') && !/^import type|^\s*export type/.test(match[0].trim())) {
        targets.push(join(dirname(path), target));
      }
    }
    if (!isTest) graph.set(path, targets);
  }
  return problems;
}

function checkImport({ name, rule, path, target, isTest }) {
  if (target.startsWith('.')) {
    const base = `packages/${name}/src/`;
    return join(dirname(path), target).startsWith(base)
      ? undefined
      : `relative import "${target}" leaves the package`;
  }
  if (target.startsWith('node:')) {
    return rule.pure && !isTest ? `"${target}" in a pure package` : undefined;
  }
  const own = /^@orlop\/([^/]+)(\/.*)?$/.exec(target);
  if (own === null) return undefined;
  if (own[2] !== undefined) return `"${target}" reaches past the package's entry`;
  if (own[1] === 'testkit') return isTest || name === 'testkit' ? undefined : 'testkit outside tests';
  return rule.imports.includes(own[1]) || (own[1] === name && isTest)
    ? undefined
    : `"${name}" may not import "${own[1]}"`;
}

/** Rings of files: each as the list of its members. */
export function findRings(graph) {
  const rings = [];
  const done = new Set();
  const walk = (path, trail) => {
    const at = trail.indexOf(path);
    if (at >= 0) {
      rings.push([...trail.slice(at), path]);
      return;
    }
    if (done.has(path)) return;
    for (const target of graph.get(path) ?? []) walk(target, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) walk(path, []);
  return rings;
}

function readSources(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(
      (entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.parentPath.includes('node_modules'),
    )
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: relative(root, path), text: readFileSync(path, 'utf8') }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = [];
  const graph = new Map();
  for (const name of readdirSync(join(root, 'packages'))) {
    problems.push(...checkPackage(name, readSources(join(root, 'packages', name, 'src')), graph));
  }
  for (const name of Object.keys(packages)) {
    if (!existsSync(join(root, 'packages', name)))
      problems.push(`tools/import-rules.mjs: there is no packages/${name}`);
  }
  for (const ring of findRings(graph)) problems.push(`ring of imports: ${ring.join(' -> ')}`);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exit(1);
  console.log(`import rules hold in ${graph.size} files`);
}
