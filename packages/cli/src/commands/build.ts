import { type Command, Option } from 'commander';
import type { CommandContext } from '../context.ts';
import type { ImageBuildOptions } from './build-image.ts';
import { addRegistryOptions, addStoreOptions } from './cache-options.ts';
import { each } from './each.ts';

export function registerBuild(program: Command, context: CommandContext): void {
  const command = program
    .command('build')
    .description(
      'compose a bootable image out of image descriptions (YAML files, URLs, or - for standard input)',
    )
    .argument('[file...]', 'merged in their order')
    .option('--name <name>', "what the outputs' names begin with (default: that of the last file)")
    .option('--dir <folder>', 'where the outputs go (default: the working folder)')
    .option('--o <file>', 'the one output file, or - for standard output; the format is then tar by default')
    .option('-f, --format <list>', 'output formats, separated by commas (default: kernel+initrd)', list, [])
    .option('--list-formats', 'print the output formats and their files, and stop')
    .option('--arch <arch>', "amd64, arm64 or riscv64 (default: this machine's)")
    .option('--pull', 'ask registries also for images that the store has')
    .option('--no-pull', 'never ask a registry')
    .option(
      '--size <size>',
      'size of disks, e.g. 2048M or 4G (default: 1024M; raw-bios and raw-efi: as their content)',
    )
    .option('--decompress-kernel', 'write the kernel without its compression')
    .option('--input-tar <file>', 'take what has not changed from an image file of the format tar')
    .option('--no-sbom', 'leave out the list of what the image contains')
    .option('--sbom-output <path>', 'name of that list in the image', 'sbom.spdx.json')
    .option('--spdx <file>', 'write the same list (SPDX 2.3) beside the outputs')
    .option('--cyclonedx <file>', 'write it as CycloneDX 1.6 beside the outputs')
    .option('--sbom-current-time', 'date that list now; the build is then not reproducible')
    .option('--set <name=value>', 'give a variable a value (repeatable)', each, [])
    .option(
      '--substitute <pattern=image>',
      "use another image, e.g. 'linuxkit/*=orlop/*' (repeatable)",
      each,
      [],
    )
    .option(
      '--substitutions <file>',
      'a YAML file of such rules (repeatable; $ORLOP_SUBSTITUTIONS)',
      each,
      [],
    )
    .option('--pkg <folder>', "folder of components (repeatable; default: the checkout's pkg/)", each, [])
    .addOption(
      new Option('--initrd-compression <kind>', 'default: what boots fastest').choices([
        'gzip',
        'zstd',
        'none',
      ]),
    )
    .option('--locked', 'take exactly the images that orlop lock pinned, or fail')
    .option('--lock-file <file>', 'the lock (default: FILE.lock.yml beside the last file)')
    .option('--dry-run', 'print the merged description as YAML, and stop')
    .option('--json', 'print what was built as JSON')
    .option('-q, --quiet', 'print only errors');
  addRegistryOptions(addStoreOptions(command)).action(async (files: string[], options: ImageBuildOptions) => {
    const { runBuild } = await import('./build-image.ts');
    await runBuild(files, { context, options });
  });
}

function list(text: string, before: readonly string[]): readonly string[] {
  return [...before, ...text.split(',').filter((word) => word !== '')];
}
