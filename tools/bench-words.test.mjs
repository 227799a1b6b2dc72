import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
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

describe('bench/network', () => {
  const files = readdirSync(join(folder, 'network')).filter((name) => /\.(?:ts|mjs)$/.test(name));
  const thatSay = (words) =>
    files.filter((name) => words.test(readFileSync(join(folder, 'network', name), 'utf8')));

  it('says in one place how a network is started, and what is measured of it', () => {
    expect(thatSay(/semi-space|v8-pool|orlop\.mjs/)).toEqual(['orlop-network.ts']);
    expect(thatSay(/'crr', 'tcp rr'/)).toEqual(['columns.ts']);
    const { stderr } = spawnSync(process.execPath, [join(folder, 'network', 'run.mjs'), '--columns', 'x'], {
      encoding: 'utf8',
    });
    expect(stderr.split('\n')[0]).toBe(
      '--columns x: there are g→h, h→g, fwd h→g, fwd g→h, crr, tcp rr, udp rr',
    );
  });
});
