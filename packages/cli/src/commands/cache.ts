import { type Command, Option } from 'commander';
import type { CommandContext } from '../context.ts';
import type { ExportArchiveOptions, ImportArchiveOptions } from './cache-archive.ts';
import type { ListOptions } from './cache-list.ts';
import { addRegistryOptions, addStoreOptions } from './cache-options.ts';
import type { CleanOptions, RemoveOptions } from './cache-remove.ts';
import type { PullOptions, PushOptions } from './cache-transfer.ts';
import { each } from './each.ts';

/** `orlop cache`: the local store of images, and the way to registries and archives. */
export function registerCache(program: Command, context: CommandContext): void {
  const cache = program
    .command('cache')
    .description('images of the local store: list, pull, push, import, export, remove');
  registerList(cache, context);
  registerTransfer(cache, context);
  registerArchives(cache, context);
  registerRemoval(cache, context);
}

function registerList(cache: Command, context: CommandContext): void {
  addStoreOptions(cache.command('ls').alias('list').description('list the images of the store'))
    .option('--json', 'print as JSON')
    .action(async (options: ListOptions) => {
      const { listImages } = await import('./cache-list.ts');
      await listImages({ context, options });
    });
}

function registerTransfer(cache: Command, context: CommandContext): void {
  addRegistryOptions(addStoreOptions(cache.command('pull').description('get images from their registries')))
    .argument('<name...>', 'images of a registry: redis, docker.io/library/redis:8')
    .option('--platform <os/arch>', 'get only this one (repeatable; default: all)', each, [])
    .option('--no-arch-tags', 'do not name each platform as TAG-ARCH besides')
    .option('--json', 'print what was got as JSON')
    .action(async (names: string[], options: PullOptions) => {
      const { pullImages } = await import('./cache-transfer.ts');
      await pullImages(names, { context, options });
    });
  addRegistryOptions(addStoreOptions(cache.command('push').description('send images to their registries')))
    .argument('<name...>', 'images of the store, as `ls` shows them')
    .option('--remote-name <name>', 'the name in the registry (default: that in the store)')
    .option('--with-arch-tags', 'also tag each platform as TAG-ARCH')
    .option('--override', 'replace an image that has the tag in the registry')
    .option('--json', 'print what was sent as JSON')
    .action(async (names: string[], options: PushOptions) => {
      const { pushImages } = await import('./cache-transfer.ts');
      await pushImages(names, { context, options });
    });
}

function registerArchives(cache: Command, context: CommandContext): void {
  addStoreOptions(
    cache
      .command('import')
      .description('bring in images from a tar archive: an OCI image layout, or of docker save'),
  )
    .argument('<file>', 'the archive, or - for standard input; compressed or not')
    .option('--name <name>', 'what to call the image (default: what the archive says)')
    .option('--json', 'print what was brought in as JSON')
    .action(async (file: string, options: ImportArchiveOptions) => {
      const { importFile } = await import('./cache-archive.ts');
      await importFile(file, { context, options });
    });
  addStoreOptions(cache.command('export').description('write an image to a tar archive'))
    .argument('<name>', 'an image of the store, as `ls` shows it')
    .addOption(
      new Option('--format <format>', 'oci: image layout; docker: for docker load; filesystem: flattened')
        .choices(['oci', 'docker', 'filesystem'])
        .default('oci'),
    )
    .option('--platform <os/arch>', "one platform (default: with oci all, else this machine's)")
    .option('--outfile <file>', 'where to, or - for standard output', '-')
    .option('--name <name>', 'what the archive calls the image (default: its name)')
    .action(async (name: string, options: ExportArchiveOptions) => {
      const { exportFile } = await import('./cache-archive.ts');
      await exportFile(name, { context, options });
    });
}

function registerRemoval(cache: Command, context: CommandContext): void {
  addRegistryOptions(
    addStoreOptions(
      cache
        .command('rm')
        .description('remove images with their names by platform, and what no other image needs of them'),
    ),
  )
    .argument('<name...>', 'images of the store, as `ls` shows them')
    .option('--published-only', 'only those that their registry has, with the same content')
    .action(async (names: string[], options: RemoveOptions) => {
      const { removeImages } = await import('./cache-remove.ts');
      await removeImages(names, { context, options });
    });
  addRegistryOptions(addStoreOptions(cache.command('clean').description('remove all images and leftovers')))
    .option('--published-only', 'only images that their registry has, with the same content')
    .option('--unreferenced', 'only leftovers and content that no image needs')
    .addOption(
      new Option(
        '--superseded',
        'only images of components that have been built anew since, from another definition, and leftovers',
      ).conflicts('unreferenced'),
    )
    .addHelpText(
      'after',
      '\nWhat is still wanted of superseded images is built again: a description that\nnames one by its hash is not found.',
    )
    .action(async (options: CleanOptions) => {
      const { cleanStore } = await import('./cache-remove.ts');
      await cleanStore({ context, options });
    });
}
