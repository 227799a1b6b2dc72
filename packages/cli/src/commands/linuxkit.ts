import { basename } from 'node:path';
import { Command, Option } from 'commander';
import { COMMIT, VERSION } from '../build-info.ts';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { helpStyle } from '../program.ts';
import { registerBuild } from './build.ts';
import type { ImageBuildOptions } from './build-image.ts';
import { registerCache } from './cache.ts';
import { registerCompletion } from './completion.ts';
import type { LinuxkitGlobals } from './linuxkit-flags.ts';
import { linuxkitVoice } from './linuxkit-messages.ts';
import { commandOf, registerLinuxkitPkg, warnOfDocker } from './linuxkit-pkg.ts';
import { registerMetadata } from './metadata.ts';
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
    .configureHelp(helpStyle)
    // Errors are told once, by reportLinuxkitError.
    .configureOutput({ outputError: () => {} });
  registerLinuxkitBuild(program, context, globals);
  registerLinuxkitCache(program, context);
  registerCompletion(program, context);
  registerMetadata(program, context);
  registerLinuxkitPkg(program, context);
  registerLinuxkitRun(program, context);
  registerPush(program);
  registerServe(program, context);
  registerLinuxkitVersion(program, context);
  return program;
}

function registerLinuxkitBuild(program: Command, context: CommandContext, globals: LinuxkitGlobals): void {
  registerBuild(program, context);
  const build = commandOf(program, 'build');
  emptyIsNone(build, ['--name', '--dir', '--o', '--input-tar']);
  build
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

/** Version 1 of LinuxKit named the architecture alone. */
function registerLinuxkitCache(program: Command, context: CommandContext): void {
  registerCache(program, context);
  const command = commandOf(commandOf(program, 'cache'), 'export');
  command
    .addOption(new Option('--arch <arch>').hideHelp())
    .on('option:arch', (arch: string) => command.setOptionValue('platform', `linux/${arch}`));
}

/** LinuxKit's defaults: QEMU's own network, `PATH-state`, and qcow2 for disks that are made. */
function registerLinuxkitRun(program: Command, context: CommandContext): void {
  registerRun(program, context, { networking: 'user', diskFormat: 'qcow2', stateBesideImage: true });
  const run = commandOf(program, 'run');
  emptyIsNone(run, ['--state', '--fw', '--data-file']);
  run.options
    .find(({ long }) => long === '--networking')
    ?.argParser((text) => (text === '' || text === 'default' ? 'user' : text));
}

/** Flags of Go's whose default is the empty string: scripts give variables that may not be set. */
function emptyIsNone(command: Command, flags: readonly string[]): void {
  for (const option of command.options) {
    if (!flags.includes(option.long ?? '')) continue;
    command.on(`option:${option.name()}`, (text: string) => {
      if (text === '') command.setOptionValue(option.attributeName(), undefined);
    });
  }
}

/** Uploading to clouds is LinuxKit's; whoever asks for it is told what there is. */
function registerPush(program: Command): void {
  program
    .command('push', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .helpOption(false)
    .action(([provider = '']: readonly string[]) => {
      throw cliError('cli.bad-option', `there is no push to ${provider || 'clouds'}`, {
        hint: 'build the format that the cloud imports (aws, gcp, vhd, qcow2-bios, …), and upload it by its own tools',
      });
    });
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
