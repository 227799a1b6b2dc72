import { ARCHITECTURES } from '@orlop/core';
import { Argument, type Command } from 'commander';
import type { CommandContext } from '../context.ts';

/** `orlop completion`: scripts for shells, made from the commands as they are. */
export function registerCompletion(program: Command, context: CommandContext): void {
  program
    .command('completion')
    .description('print a completion script for a shell')
    .addArgument(new Argument('<shell>', 'that reads the script').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      [
        '',
        'To have it in every new shell:',
        `  bash  ${program.name()} completion bash > ~/.local/share/bash-completion/completions/${program.name()}`,
        `  zsh   ${program.name()} completion zsh > a folder of $fpath/_${program.name()}`,
        `  fish  ${program.name()} completion fish > ~/.config/fish/completions/${program.name()}.fish`,
      ].join('\n'),
    )
    .action(async (shell: 'bash' | 'zsh' | 'fish') => {
      const { outputFormats } = await import('@orlop/kit');
      const { describeCommands } = await import('./completion-model.ts');
      const { completionScripts } = await import('./completion-scripts.ts');
      const words = new Map<string, readonly string[]>([
        ['build --format', outputFormats.map(({ name }) => name)],
        ['build --arch', ARCHITECTURES],
        ['run --arch', ARCHITECTURES],
        ['run --accel', ['auto', 'kvm', 'hvf', 'tcg']],
        ['run --networking', ['vnet', 'user', 'tap', 'bridge', 'none']],
      ]);
      const commands = describeCommands(program, words);
      context.stdout.write(completionScripts[shell](program.name(), commands));
    });
}
