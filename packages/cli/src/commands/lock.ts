import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import type { BuildInputOptions } from './build-inputs.ts';
import { addRegistryOptions, addStoreOptions } from './cache-options.ts';
import { each } from './each.ts';

export interface LockOptions extends Omit<BuildInputOptions, 'arch'> {
  readonly arch: readonly string[];
  readonly bootLoaders?: boolean;
  /** Lists with commas. */
  readonly format?: readonly string[];
  readonly lockFile?: string;
  readonly json?: boolean;
}

/** `orlop lock`: what `build --locked` honours. */
export function registerLock(program: Command, context: CommandContext): void {
  const command = program
    .command('lock')
    .description('pin every image of a description to its digest, for build --locked')
    .argument('<file...>', 'merged in their order, as for build')
    .option(
      '--lock-file <file>',
      'the lock, or - for standard output (default: FILE.lock.yml beside the last file)',
    )
    .option('--arch <arch>', "for this architecture (repeatable; default: this machine's)", each, [])
    .option(
      '-f, --format <list>',
      'also the components of boot programs that these formats need (repeatable)',
      each,
      [],
    )
    .option('--boot-loaders', 'also those of all formats but rpi3')
    .option('--pull', 'ask registries also for images that the store has')
    .option('--no-pull', 'never ask a registry')
    .option('--set <name=value>', 'give a variable a value (repeatable)', each, [])
    .option('--substitute <pattern=image>', 'use another image, as for build (repeatable)', each, [])
    .option(
      '--substitutions <file>',
      'a YAML file of such rules (repeatable; $ORLOP_SUBSTITUTIONS)',
      each,
      [],
    )
    .option('--pkg <folder>', "folder of components (repeatable; default: the checkout's pkg/)", each, [])
    .option('--json', 'print what is locked as JSON');
  addRegistryOptions(addStoreOptions(command)).action(async (files: string[], options: LockOptions) => {
    const { writeLock } = await import('./lock-write.ts');
    await writeLock(files, { context, options });
  });
}
