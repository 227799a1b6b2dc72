import { basename } from 'node:path';
import { Command, Option } from 'commander';
import { COMMIT, VERSION } from '../build-info.ts';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { registerBuild } from './build.ts';
import type { ImageBuildOptions } from './build-image.ts';
import { registerCache } from './cache.ts';
import { registerCompletion } from './completion.ts';
import type { LinuxkitGlobals } from './linuxkit-flags.ts';
import { linuxkitVoice } from './linuxkit-messages.ts';
import { registerMetadata } from './metadata.ts';
import { registerPkg } from './pkg.ts';
import type { BuildOptions } from './pkg-build.ts';
import { registerRun } from './run.ts';
import { registerServe } from './serve.ts';

export { linuxkitArguments, linuxkitEnvironment } from './linuxkit-flags.ts';

/** The command line as `linuxkit`: LinuxKit's commands, flags, defaults and messages, by Orlop's means. */
export function linuxkitProgram(context: CommandContext, globals: LinuxkitGlobals): Command {
  const program = new Command('linuxkit')
    .description("Build and run images from LinuxKit's YAML, by Orlop")
    .option('--cache <folder>', 'directory for caching and finding images ($LINUXKIT_CACHE)')
    .option('--mirror <[registry=]url>', 'mirror to pull images from, repeatable ($LINUXKIT_MIRROR)')
    .option('--cert-file <file>', 'certificate (PEM) of an authority to trust, repeatable')
    .option('-q, --quiet', 'quiet execution')
    .option('-v, --verbose <level>', '0 = quiet, 1 = info, 2 = debug, 3 = trace', '1')
    .exitOverride()
    // Errors are told once, by reportLinuxkitError.
    .configureOutput({ outputError: () => {} });
  registerLinuxkitBuild(program, context, globals);
  registerCache(program, context);
  registerCompletion(program, context);
  registerMetadata(program, context);
  registerLinuxkitPkg(program, context);
  registerRun(program, context);
  // LinuxKit's default: QEMU's own network, its ports published by --publish.
  const run = commandOf(program, 'run');
  run.options.find(({ long }) => long === '--networking')?.default('user');
  run.setOptionValueWithSource('networking', 'user', 'default');
  registerServe(program, context);
  registerLinuxkitVersion(program, context);
  return program;
}

function registerLinuxkitBuild(program: Command, context: CommandContext, globals: LinuxkitGlobals): void {
  registerBuild(program, context);
  commandOf(program, 'build')
    .addOption(new Option('--docker', 'look into Docker for images first').hideHelp())
    .action(async (files: string[], options: ImageBuildOptions & { readonly docker?: boolean }) => {
      if (files.length === 0 && !options.listFormats) {
        throw cliError('cli.bad-option', 'requires at least 1 arg(s), only received 0');
      }
      warnOfDocker(options, context);
      const { runBuild } = await import('./build-image.ts');
      const quiet = globals.quiet || globals.verbose === 0;
      const voice = linuxkitVoice(context, { ...options, quiet });
      await runBuild(files, {
        context: { ...context, progress: () => {} },
        options: { ...options, quiet },
        voice,
      });
    });
}

/** Of `pkg build`, flags that change nothing where nothing is built by Docker. */
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
  '--disable-cache',
  '--enable-cache',
  '--network',
  '--nonetwork',
  '--dev',
];

function registerLinuxkitPkg(program: Command, context: CommandContext): void {
  registerPkg(program, context);
  const pkg = commandOf(program, 'pkg');
  const build = commandOf(pkg, 'build');
  for (const command of [build, commandOf(pkg, 'show-tag')]) {
    for (const flags of WITHOUT_EFFECT) command.addOption(new Option(flags).hideHelp());
  }
  build.addOption(new Option('--docker').hideHelp());
  // There is always an index.
  build.addOption(new Option('--manifest').hideHelp());
  build.addOption(new Option('--ignore-cached', 'build what the cache has already').hideHelp());
  type Options = BuildOptions & { readonly docker?: boolean; readonly ignoreCached?: boolean };
  const run = async (folders: readonly string[], options: Options) => {
    warnOfDocker(options, context);
    const { buildPackages } = await import('./pkg-build.ts');
    const force = options.force === true || options.ignoreCached === true;
    await buildPackages(folders, { context, options: { ...options, force } });
  };
  build.action(run);
  for (const command of commandOf(pkg, 'builder').commands) {
    for (const flags of [
      '--builders <list>',
      '--platforms <list>',
      '--builder-image <image>',
      '--builder-name <name>',
    ])
      command.addOption(new Option(flags).hideHelp());
  }
  // The older name of `pkg build --push`.
  const push = commandOf(pkg, 'push').description('build packages and push them');
  const known = new Set(push.options.map(({ long }) => long));
  for (const option of build.options) {
    if (option.long !== '--push' && !known.has(option.long)) push.addOption(option);
  }
  push.action((folders: string[], options: Options) => run(folders, { ...options, push: true }));
}

function registerLinuxkitVersion(program: Command, context: CommandContext): void {
  program
    .command('version')
    .description('report the version of linuxkit')
    .option('--short', 'print only the version')
    .option('--commit', 'print only the commit')
    .action(({ short, commit }: { short?: boolean; commit?: boolean }) => {
      const whole = [
        `${basename(program.name())} version v${VERSION}`,
        ...(COMMIT === '' ? [] : [`commit: ${COMMIT}`]),
      ];
      context.stdout.write(`${short ? `v${VERSION}` : commit ? COMMIT : whole.join('\n')}\n`);
    });
}

function warnOfDocker({ docker }: { readonly docker?: boolean }, { logger }: CommandContext): void {
  if (docker) logger.warn('--docker has no effect: images come from the cache and from registries');
}

function commandOf(parent: Command, name: string): Command {
  const found = parent.commands.find((command) => command.name() === name);
  if (found === undefined) throw new Error(`bug: ${parent.name()} has no command ${name}`);
  return found;
}
