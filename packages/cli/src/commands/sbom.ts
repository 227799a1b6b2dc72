import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { addStoreOptions, type StoreOptions } from './cache-options.ts';

export interface SbomDiffOptions extends StoreOptions {
  readonly json?: boolean;
  readonly name?: string;
}

/** `orlop sbom`: what images are made of. */
export function registerSbom(program: Command, context: CommandContext): void {
  const sbom = program.command('sbom').description('bills of materials: what images contain');
  addStoreOptions(sbom.command('diff'))
    .description('say which packages came, went or changed; exit status 1 when any did')
    .argument(
      '<before>',
      'an SPDX or CycloneDX file, a build (NAME or a file of it), or an image of the store',
    )
    .argument('<after>', 'likewise')
    .option('--name <path>', 'name of the list in a build (default: sbom.spdx.json)')
    .option('--json', 'print as JSON')
    .action(async (before: string, after: string, options: SbomDiffOptions) => {
      const { printSbomDiff } = await import('./sbom-diff.ts');
      const same = await printSbomDiff({ before, after }, { context, options });
      if (!same) process.exitCode = 1;
    });
}
