import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';

export function registerVersion(program: Command, context: CommandContext): void {
  program
    .command('version')
    .description('print the version')
    .option('--json', 'print as JSON')
    .action((options: { json?: boolean }) => {
      const version = { version: program.version() ?? '', node: process.versions.node };
      context.stdout.write(
        options.json ? `${JSON.stringify(version)}\n` : `orlop ${version.version}\nnode ${version.node}\n`,
      );
    });
}
