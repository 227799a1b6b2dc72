import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { commands } from './commands/index.ts';
import type { CommandContext } from './context.ts';
import { orlopProgram } from './program.ts';

const context = { env: {}, cwd: '/' } as CommandContext;
const namesOf = ({ commands }: Command) => commands.map((command) => command.name());

describe('orlopProgram', () => {
  const all = namesOf(orlopProgram(context));

  it('has every command where none is named, or one that it does not know', () => {
    expect(all).toEqual(expect.arrayContaining(['up', 'net', 'wake', 'version']));
    for (const name of ['help', '--help', 'upp', 'wake', 'constructor', '']) {
      expect(namesOf(orlopProgram(context, name))).toEqual(all);
    }
  });

  it.each(Object.keys(commands))('knows %s by its name alone', (name) => {
    const names = namesOf(orlopProgram(context, name));
    expect(names).toContain(name);
    if (name === 'completion') expect(names).toEqual(all);
    else expect(names.length).toBeLessThan(4);
  });
});
