import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { shellWord } from './shell-word.ts';

it.each(['/plain/path-1.2_@%+=:,', '', 'a b', "it's", '$HOME `id` "x" \\', 'größe\n'])(
  'shellWord gives a shell %j as it is',
  (word) => {
    const said = execFileSync('sh', ['-c', `printf '<%s>' ${shellWord(word)}`]);
    expect(said.toString()).toBe(`<${word}>`);
  },
);

it('shellWord leaves a plain word without quotes', () => {
  expect(shellWord('/a/b-c.d')).toBe('/a/b-c.d');
});
