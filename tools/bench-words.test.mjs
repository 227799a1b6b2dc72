import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const folder = join(import.meta.dirname, '..', 'bench');
const benches = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

describe.each(benches)('bench/%s', (name) => {
  const run = (word) =>
    spawnSync(process.execPath, [join(folder, name, 'run.mjs'), word], { encoding: 'utf8' });

  it('says what it is for, and measures nothing, at --help', () => {
    const { status, stdout, stderr } = run('--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`usage: node bench/${name}/run.mjs`);
    expect(stdout).toContain('--help');
  });

  it.each(['nonsense', '--nonsense'])('refuses "%s", naming it, with its usage', (word) => {
    const { status, stdout, stderr } = run(word);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    const [first = '', ...rest] = stderr.split('\n');
    expect(first).toContain(word);
    expect(rest.join('\n')).toContain(`usage: node bench/${name}/run.mjs`);
  });
});
