import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { addRegistryOptions, addStoreOptions } from './cache-options.ts';
import { each } from './each.ts';
import type { BuildOptions } from './pkg-build.ts';
import type { DefinitionOptions } from './pkg-definitions.ts';
import type { PushPackagesOptions, RemoteTagOptions } from './pkg-push.ts';

const FOLDER_HELP = 'a folder with a build.yml';

/** `orlop pkg`: components, in LinuxKit's form and out of Debian packages. */
export function registerPkg(program: Command, context: CommandContext): void {
  const pkg = program.command('pkg').description('build components out of Debian packages, and list them');
  registerPackageBuild(pkg, context);
  registerNames(pkg, context);
  registerPush(pkg, context);
  registerList(pkg, context);
  registerBuilder(pkg, context);
}

function registerPackageBuild(pkg: Command, context: CommandContext): void {
  addRegistryOptions(withDefinitionOptions(pkg.command('build')))
    .description("build components' images into the store, those of unchanged content excepted")
    .argument('<folder...>', FOLDER_HELP)
    .option('--arch <arch>', "amd64, arm64 or riscv64 (repeatable; default: this machine's)", each, [])
    .option('--platforms <list>', 'the same as a list: linux/amd64,linux/arm64')
    .option('--all-arches', 'every architecture that the component is for')
    .option('--skip-platforms <list>', 'leave these out: linux/riscv64')
    .option('--force', 'build what the store has already')
    .option('--pull', 'take what the registry has, before it is built')
    .option('--nobuild', 'build nothing, with --push: push what the store has')
    .option('--dockerfile <name>', "of a component that Docker builds, in place of its definition's")
    .option('--build-arg-file <file>', 'KEY=VALUE for such a build, a line each (repeatable)', each, [])
    .option('--refresh', "fetch Debian's package indexes anew, and build with what they say")
    .option('--push', 'push to the registry after building')
    .option('--release <tag>', 'with --push: push under this tag, too')
    .option('--dry-run', 'say what would be built, and stop')
    .option('--json', 'print a line of JSON for each image')
    .action(async (folders: string[], options: BuildOptions) => {
      const { buildPackages } = await import('./pkg-build.ts');
      await buildPackages(folders, { context, options });
    });
}

function registerNames(pkg: Command, context: CommandContext): void {
  withDefinitionOptions(pkg.command('show-tag'))
    .description('print the name under which a component is built')
    .argument('<folder...>', FOLDER_HELP)
    .option('--canonical', 'with the registry: docker.io/orlop/NAME:HASH')
    .action(async (folders: string[], options: DefinitionOptions & { canonical?: boolean }) => {
      const { showTags } = await import('./pkg-definitions.ts');
      await showTags(folders, { context, options });
    });

  withDefinitionOptions(pkg.command('manifest'))
    .alias('index')
    .description("print the index of a component's image in the store: its platforms and bills of materials")
    .argument('<folder...>', FOLDER_HELP)
    .action(async (folders: string[], options: DefinitionOptions) => {
      const { showIndexes } = await import('./pkg-definitions.ts');
      await showIndexes(folders, { context, options });
    });
}

function registerPush(pkg: Command, context: CommandContext): void {
  addRegistryOptions(addStoreOptions(withDefinitionOptions(pkg.command('push'))))
    .description("push components' images, built before, to the registry")
    .argument('<folder...>', FOLDER_HELP)
    .option('--override', 'also where the tag has another image')
    .option('--with-arch-tags', 'push each platform as TAG-ARCH too')
    .action(async (folders: string[], options: PushPackagesOptions) => {
      const { pushPackages } = await import('./pkg-push.ts');
      await pushPackages(folders, { context, options });
    });

  addRegistryOptions(addStoreOptions(pkg.command('remote-tag')))
    .description('give an image in a registry another name')
    .argument('<from>', 'the name that it has')
    .argument('<to>', 'the name that it gets as well')
    .action(async (from: string, to: string, options: RemoteTagOptions) => {
      const { tagRemotely } = await import('./pkg-push.ts');
      await tagRemotely({ from, to }, { context, options });
    });
}

function registerList(pkg: Command, context: CommandContext): void {
  pkg
    .command('ls')
    .description('list the components under a folder, and which of them the store has')
    .argument('[folder]', 'a folder of component folders', 'pkg')
    .option('--json', 'print as JSON')
    .action(async (folder: string, options: { json?: boolean }) => {
      const { listPackages } = await import('./pkg-list.ts');
      await listPackages(folder, { context, json: options.json === true });
    });
}

/** The cache that a user's Docker keeps of builds. */
function registerBuilder(pkg: Command, context: CommandContext): void {
  const builder = pkg
    .command('builder')
    .description("the cache that Docker keeps of builds from a Dockerfile; it is the user's Docker's own");
  const texts = { du: 'say what it takes', prune: 'remove what nothing uses' } as const;
  for (const what of ['du', 'prune'] as const) {
    builder
      .command(what)
      .description(texts[what])
      .option('--verbose', 'all entries, by du')
      .action(async ({ verbose }: { readonly verbose?: boolean }) => {
        const { runDockerBuilder } = await import('@orlop/debian');
        const { stdout, signal } = context;
        await runDockerBuilder(what, {
          verbose: verbose === true,
          onLine: (line) => void stdout.write(`${line}\n`),
          signal,
        });
      });
  }
}

function withDefinitionOptions(command: Command): Command {
  return command
    .option('--org <name>', "organisation, in place of the definition's (default: $ORLOP_PKG_ORG)")
    .option('--tag <template>', "tag, in place of the definition's; {{.Hash}} stands for the content hash")
    .option('--hash <hash>', 'in place of the content hash')
    .option('--hash-commit <commit>', "git's id of the folder in this commit, as LinuxKit's tags have it")
    .option('--hash-path <folder>', "git's id of this folder, in place of the component's")
    .option('--force-dirty', "git's id, marked as of changed content")
    .option('--build-yml <name>', 'name of the definition in the folder', 'build.yml');
}
