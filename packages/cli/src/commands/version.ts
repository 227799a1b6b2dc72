import type { Command } from 'commander';
import { COMMIT, VERSION } from '../build-info.ts';
import type { CommandContext } from '../context.ts';

interface VersionOptions {
  readonly json?: boolean;
  readonly short?: boolean;
  readonly commit?: boolean;
}

export function registerVersion(program: Command, context: CommandContext): void {
  program
    .command('version')
    .description('print the version')
    .option('--short', 'print only the version')
    .option('--commit', 'print only the commit that this was built from')
    .option('--json', 'print as JSON')
    .action((options: VersionOptions) => {
      context.stdout.write(`${versionText(options)}\n`);
    });
}

function versionText({ json, short, commit }: VersionOptions): string {
  if (json) return JSON.stringify({ version: VERSION, commit: COMMIT, node: process.versions.node });
  if (short) return VERSION;
  if (commit) return COMMIT;
  return [
    `orlop ${VERSION}`,
    ...(COMMIT === '' ? [] : [`commit ${COMMIT}`]),
    `node ${process.versions.node}`,
  ].join('\n');
}
