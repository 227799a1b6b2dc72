import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { readArchitecture } from './read-architecture.ts';

/** `orlop client`: Docker's client for a host that has none. */
export function registerClient(program: Command, context: CommandContext): void {
  const client = program
    .command('client')
    .description("Debian's Docker client with buildx and compose, for a host that has none");
  client
    .command('install')
    .description('fetch it, and put it in bin of the state folder; no root is needed')
    .option('--json', 'print as JSON')
    .action((options: { readonly json?: boolean }) => installClient(context, options));
  client
    .command('rm')
    .description('take it away again')
    .action(async () => {
      const { removeDockerClient } = await import('@orlop/engine');
      const { dockerConfig, engineHome } = await import('./engine-daemon.ts');
      await removeDockerClient({ home: engineHome(context), config: dockerConfig(context) });
    });
}

async function installClient(context: CommandContext, { json }: { readonly json?: boolean }): Promise<void> {
  const { installDockerClient, shellWord } = await import('@orlop/engine');
  const { dockerConfig, engineHome, ownFolders } = await import('./engine-daemon.ts');
  const installed = await installDockerClient({
    home: engineHome(context),
    pkgFolders: [ownFolders().pkg],
    architecture: readArchitecture(),
    config: dockerConfig(context),
    progress: context.progress,
    signal: context.signal,
  });
  if (json === true) {
    context.stdout.write(`${JSON.stringify(installed)}\n`);
    return;
  }
  for (const { name, path, state } of installed.plugins) {
    if (state === 'kept') context.stderr.write(`${path} is not Orlop's and stays: ${name} is that one\n`);
  }
  context.stdout.write(`export PATH=${shellWord(installed.folder)}:"$PATH"\n`);
}
