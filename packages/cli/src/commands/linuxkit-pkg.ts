import { type Command, Option } from 'commander';
import type { CommandContext } from '../context.ts';
import { each } from './each.ts';
import { registerPkg } from './pkg.ts';
import type { BuildOptions } from './pkg-build.ts';

/** Of `pkg build`, flags that change nothing where no BuildKit of LinuxKit's own is started. */
const WITHOUT_EFFECT: readonly string[] = [
  '--builders <list>',
  '--builder-name <name>',
  '--builder-image <image>',
  '--builder-config <file>',
  '--builder-restart',
  '--precache-images',
  '--progress <kind>',
  '--ssh <spec>',
  '--sbom-scanner <image>',
  // There is always an index.
  '--manifest',
];

/** LinuxKit has these on every command of `pkg`; for builds by Docker, Docker's own settings decide. */
const ON_EVERY_COMMAND: readonly (readonly [flag: string, opposite: string])[] = [
  ['--disable-cache', 'enableCache'],
  ['--enable-cache', 'disableCache'],
  ['--network', 'nonetwork'],
  ['--nonetwork', 'network'],
];

type LinuxkitBuildOptions = BuildOptions & { readonly docker?: boolean; readonly ignoreCached?: boolean };

/** `linuxkit pkg`: LinuxKit's flags and defaults besides Orlop's. */
export function registerLinuxkitPkg(program: Command, context: CommandContext): void {
  registerPkg(program, context);
  const pkg = commandOf(program, 'pkg');
  const build = commandOf(pkg, 'build');
  for (const flags of WITHOUT_EFFECT) build.addOption(new Option(flags).hideHelp());
  build
    .addOption(new Option('--docker').hideHelp())
    .addOption(new Option('--ignore-cached', 'build what the cache has already').hideHelp());
  build.options.find(({ long }) => long === '--force')?.conflicts('nobuild');
  const run = async (folders: readonly string[], options: LinuxkitBuildOptions) => {
    warnOfDocker(options, context);
    const { buildPackages } = await import('./pkg-build.ts');
    const force = options.force === true || options.ignoreCached === true;
    // LinuxKit builds for all that a component is for.
    const saysPlatforms = options.arch.length > 0 || options.platforms !== undefined;
    const allArches = options.allArches === true || !saysPlatforms;
    await buildPackages(folders, { context, options: { ...options, force, allArches } });
  };
  build.action(run);
  addToEveryCommand(pkg, context);
  for (const command of commandOf(pkg, 'builder').commands) {
    for (const flags of [
      '--builders <list>',
      '--platforms <list>',
      '--builder-image <image>',
      '--builder-name <name>',
    ])
      command.addOption(new Option(flags).hideHelp());
  }
  commandOf(pkg, 'remote-tag').addOption(new Option('--release <tag>').hideHelp());
  // The older name of `pkg build --push`.
  const push = commandOf(pkg, 'push').description('build packages and push them');
  const known = new Set(push.options.map(({ long }) => long));
  for (const option of build.options) {
    if (option.long !== '--push' && !known.has(option.long)) push.addOption(option);
  }
  push.action((folders: string[], options: LinuxkitBuildOptions) => run(folders, { ...options, push: true }));
}

function addToEveryCommand(pkg: Command, { env }: CommandContext): void {
  const groups = [pkg, ...pkg.commands].filter(({ commands }) => commands.length > 0);
  for (const command of groups.flatMap(({ commands }) => commands)) {
    if (command.commands.length > 0) continue;
    const known = new Set(command.options.map(({ long }) => long));
    const add = (option: Option) => {
      if (!known.has(option.long)) command.addOption(option.hideHelp());
    };
    for (const [flag, opposite] of ON_EVERY_COMMAND) add(new Option(flag).conflicts(opposite));
    add(new Option('--dev').implies({ org: env['USER'] ?? 'dev', hash: 'dev' }));
    add(new Option('--registry-creds <registry=user:password>').argParser(each).default([]));
    add(new Option('--disable-content-trust'));
    for (const flags of ['--org <name>', '--tag <template>', '--hash <hash>', '--hash-commit <commit>'])
      add(new Option(flags));
    for (const flags of ['--hash-path <folder>', '--force-dirty', '--build-yml <name>'])
      add(new Option(flags));
  }
}

export function warnOfDocker(
  { docker }: { readonly docker?: boolean },
  { logger }: Pick<CommandContext, 'logger'>,
): void {
  if (docker) logger.warn('--docker has no effect: images come from the cache and from registries');
}

/** @returns the command of that name, which is there */
export function commandOf(parent: Command, name: string): Command {
  const found = parent.commands.find((command) => command.name() === name);
  if (found === undefined) throw new Error(`bug: ${parent.name()} has no command ${name}`);
  return found;
}
