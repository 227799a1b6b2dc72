import { execFileSync, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createContext } from '../context.ts';
import { orlopProgram } from '../program.ts';
import { describeCommands } from './completion-model.ts';
import { completionScripts } from './completion-scripts.ts';

const context = createContext(process, { signal: new AbortController().signal });
const words = new Map([['build --format', ['raw-bios', 'raw-efi', 'tar']]]);
const commands = describeCommands(orlopProgram(context), words);
const has = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0;

/** Words typed so far, the last of them being completed, with some of what is offered. */
const typed: readonly (readonly [readonly string[], readonly string[]])[] = [
  [['cach'], ['cache']],
  [['cache', 'ex'], ['export']],
  [
    ['build', '--format', 'raw'],
    ['raw-bios', 'raw-efi'],
  ],
  [
    ['cache', 'export', '--format', ''],
    ['oci', 'docker', 'filesystem'],
  ],
  [['build', 'some.yml', '--dr'], ['--dry-run']],
  [['completion', 'z'], ['zsh']],
  [['pkg', 'show-tag', '--can'], ['--canonical']],
];

describe('completionScripts', () => {
  let folder: TemporaryFolder;

  beforeAll(async () => {
    folder = await temporaryFolder('cli-completion');
    for (const shell of ['bash', 'zsh', 'fish'] as const)
      await writeFile(join(folder.path, shell), completionScripts[shell]('orlop', commands));
  });
  afterAll(() => folder.remove());

  it.each(typed)('bash completes %j', (given, offered) => {
    const script = `source "$0"; COMP_WORDS=(orlop "$@"); COMP_CWORD=$#; _orlop; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const found = execFileSync('bash', ['-c', script, join(folder.path, 'bash'), ...given], {
      encoding: 'utf8',
    });
    expect(found.trim().split('\n').sort()).toEqual([...offered].sort());
  });

  it('bash and zsh complete the value behind --flag=, which bash takes for three words', () => {
    const bash = `source "$0"; COMP_WORDS=(orlop build --format = "$@"); COMP_CWORD=4; _orlop; echo "\${COMPREPLY[@]}"`;
    const run = (script: string, shell: string, ...given: string[]) =>
      execFileSync(shell, ['-c', script, join(folder.path, shell), ...given], { encoding: 'utf8' }).trim();
    expect(run(bash, 'bash', 'raw')).toBe('raw-bios raw-efi');
    expect(run(bash.replace(' = "$@"', ' =').replace('CWORD=4', 'CWORD=3'), 'bash')).toBe(
      'raw-bios raw-efi tar',
    );
    if (!has('zsh')) return;
    const zsh = `compdef() { }; compset() { print -n -- "$2 " }; compadd() { shift; print -- "$@" }; source "$0"
      words=(orlop build --format=raw) CURRENT=3; _orlop`;
    expect(run(zsh, 'zsh')).toBe('*= raw-bios raw-efi tar');
  });

  it('bash completes files where a command takes them, and folders where an option does', async () => {
    await writeFile(join(folder.path, 'a b.yml'), '');
    const script = `source "$0"; COMP_WORDS=(orlop "$@"); COMP_CWORD=$#; _orlop; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const run = (...given: string[]) =>
      execFileSync('bash', ['-c', script, join(folder.path, 'bash'), ...given], {
        cwd: folder.path,
        encoding: 'utf8',
      }).trim();
    expect(run('build', 'fi')).toBe('fish');
    expect(run('build', '--dir', 'fi')).toBe('');
  });

  it.skipIf(!has('zsh'))('zsh reads its script, and finds the words for a place', () => {
    execFileSync('zsh', ['-n', join(folder.path, 'zsh')]);
    // What the completion system would be given, printed instead.
    const script = `
      _describe() { print -l -- \${(P)2} }
      compdef() { }
      compset() { }
      compadd() { shift; print -l -- "$@" }
      source "$0"
      words=(orlop "$@") CURRENT=$(($# + 1))
      _orlop`;
    for (const [given, offered] of typed) {
      const found = execFileSync('zsh', ['-fc', script, join(folder.path, 'zsh'), ...given], {
        encoding: 'utf8',
      });
      const names = found.split('\n').map((line) => line.replace(/:.*$/, ''));
      expect(names).toEqual(expect.arrayContaining([...offered]));
    }
  });

  it.skipIf(!has('fish')).each(typed)('fish completes %j', (given, offered) => {
    const line = ['orlop', ...given].join(' ');
    const script = `source ${join(folder.path, 'fish')}; complete -C '${line}'`;
    const found = execFileSync('fish', ['--no-config', '-c', script], {
      encoding: 'utf8',
      env: { ...process.env, HOME: folder.path },
    });
    const names = found.split('\n').map((row) => row.split('\t')[0]);
    expect(names).toEqual(expect.arrayContaining([...offered]));
  });
});
