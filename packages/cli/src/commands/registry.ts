import type { RegistryStatus } from '@orlop/engine';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { each } from './each.ts';
import { readArchitecture } from './read-architecture.ts';

interface JsonOption {
  readonly json?: boolean;
}

interface PushOptions extends JsonOption {
  readonly arch: readonly string[];
}

/** `orlop registry`: images for engines on a machine that reaches no registry. */
export function registerRegistry(program: Command, context: CommandContext): void {
  const registry = program
    .command('registry')
    .description("Debian's docker-registry on this host, which engines ask before Docker Hub");
  registry
    .command('up')
    .description('start it in the background; engines find it at once')
    .option('--json', 'print as JSON')
    .action(async (options: JsonOption) => {
      const { local, programs } = await open(context);
      show(await local.up({ programs: await programs(), signal: context.signal }), { context, options });
    });
  registry
    .command('status')
    .description('say whether it runs, and which images it has')
    .option('--json', 'print as JSON')
    .action(async (options: JsonOption) => {
      show(await (await open(context)).local.status(), { context, options });
    });
  registry
    .command('push')
    .description('put images there, components (built when needed) or images of the store')
    .argument('<image...>', 'COMPONENT or IMAGE, and the name to give it: redis, orlop/redis=redis:8')
    .option('--arch <arch>', 'also for this architecture (repeatable)', each, [])
    .option('--json', 'print a line of JSON for each name')
    .addHelpText(
      'after',
      '\nA component goes under its own name and that of Docker Hub: redis as\norlop/redis and redis.',
    )
    .action((images: readonly string[], options: PushOptions) => push(images, { context, options }));
  registry
    .command('down')
    .description('end it; what was pushed stays')
    .option('--json', 'print as JSON')
    .action(async (options: JsonOption) => {
      const { local } = await open(context);
      const ran = await local.down();
      if (options.json === true) context.stdout.write(`${JSON.stringify({ ran })}\n`);
      else if (!ran) context.stdout.write('the registry does not run\n');
    });
}

async function open(context: CommandContext) {
  const { ensureHostPrograms, LocalRegistry, registryPaths } = await import('@orlop/engine');
  const { engineHome, ownFolders } = await import('./engine-daemon.ts');
  const home = engineHome(context);
  return {
    local: new LocalRegistry(registryPaths(home)),
    programs: () =>
      ensureHostPrograms({
        ...{ home, progress: context.progress, signal: context.signal },
        component: 'docker-registry',
        pkgFolders: [ownFolders().pkg],
        architecture: readArchitecture(),
      }),
  };
}

async function push(
  texts: readonly string[],
  { context, options }: { readonly context: CommandContext; readonly options: PushOptions },
): Promise<void> {
  const { parseRegistryName } = await import('@orlop/engine');
  const { openStore } = await import('./cache-options.ts');
  const images = texts.map(parseRegistryName);
  const store = await openStore(context, {});
  for (const { reference } of images) await buildIfComponent(reference, { context, options });
  const { local, programs } = await open(context);
  const pushed = await local.push({
    ...{ store, images, progress: context.progress, signal: context.signal },
    programs: await programs(),
  });
  for (const image of pushed) {
    context.stdout.write(
      options.json === true
        ? `${JSON.stringify(image)}\n`
        : `${image.name.replace(/^library\//, '')} ${image.digest}\n`,
    );
  }
}

/** Brings a component's image up to date in the store; other images are there or they are not. */
async function buildIfComponent(
  reference: string,
  { context, options }: { readonly context: CommandContext; readonly options: PushOptions },
): Promise<void> {
  const name = /^docker\.io\/orlop\/([a-z0-9._-]+):latest$/.exec(reference)?.[1];
  if (name === undefined) return;
  const { stat } = await import('node:fs/promises');
  const { join } = await import('node:path');
  const { ownFolders } = await import('./engine-daemon.ts');
  const { buildPackages } = await import('./pkg-build.ts');
  const folder = join(ownFolders().pkg, name);
  if ((await stat(join(folder, 'build.yml')).catch(() => undefined)) === undefined) return;
  const quiet = { ...context, stdout: context.stderr };
  const arch = [readArchitecture(), ...options.arch];
  await buildPackages([folder], {
    context: quiet,
    options: { arch, buildYml: 'build.yml', mirror: [], certFile: [] },
  });
}

function show(
  status: RegistryStatus,
  { context, options }: { readonly context: CommandContext; readonly options: JsonOption },
): void {
  const { stdout } = context;
  if (options.json === true) {
    stdout.write(`${JSON.stringify(status)}\n`);
    return;
  }
  if (status.state === 'stopped') {
    stdout.write('stopped: orlop registry up\n');
    return;
  }
  stdout.write(`running as process ${status.pid}, ${status.socket}\n`);
  for (const image of status.images) stdout.write(`  ${image.replace(/^library\//, '')}\n`);
}
