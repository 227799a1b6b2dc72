import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import type { DockerContext } from './docker-contexts.ts';

export function registerContext(program: Command, context: CommandContext): void {
  const command = program.command('context').description("the Docker client's context for an engine");
  const add = (text: string, summary: string, action: (name: string) => Promise<void>) =>
    command
      .command(text)
      .description(summary)
      .argument('[name]', 'one of several engines', 'default')
      .action(action);
  add('use', 'make `docker` use the engine', async (name) => {
    const { write, select, name: made } = await contextOf(context, name);
    await write();
    await select();
    context.stdout.write(`docker uses ${made} now\n`);
  });
  add('unuse', 'make `docker` use its own default again', async () => {
    const { selectContext } = await import('@orlop/engine');
    const { dockerConfig } = await import('./engine-daemon.ts');
    await selectContext(dockerConfig(context), undefined);
  });
  add('rm', 'remove the context', async (name) => {
    const { remove, name: removed } = await contextOf(context, name, { mayBeGone: true });
    context.stdout.write(
      (await remove()) ? `${removed}\n` : `there is no context ${removed} to this engine\n`,
    );
  });
  add(
    'link',
    'make /var/run/docker.sock lead to the engine, for programs that know no contexts',
    async (name) => {
      const { linkSystemSocket, SYSTEM_SOCKET } = await import('@orlop/engine');
      const { dockerSocket: socket } = (await contextOf(context, name)).paths;
      await linkSystemSocket({ link: SYSTEM_SOCKET, socket });
      context.stdout.write(`${SYSTEM_SOCKET} leads to ${socket}\n`);
    },
  );
  add('unlink', 'take that link away again', async (name) => {
    const { SYSTEM_SOCKET, unlinkSystemSocket } = await import('@orlop/engine');
    const { dockerSocket: socket } = (await contextOf(context, name, { mayBeGone: true })).paths;
    const removed = await unlinkSystemSocket({ link: SYSTEM_SOCKET, socket });
    context.stdout.write(removed ? `${SYSTEM_SOCKET}\n` : `${SYSTEM_SOCKET} does not lead to this engine\n`);
  });
  add('env', 'print the line for a shell', async (name) => {
    const { shellWord } = await import('@orlop/engine');
    const { paths } = await contextOf(context, name);
    context.stdout.write(`export DOCKER_HOST=${shellWord(`unix://${paths.dockerSocket}`)}\n`);
  });
}

/** @throws OrlopError `engine.unknown` */
async function contextOf(
  context: CommandContext,
  name: string,
  { mayBeGone = false }: { readonly mayBeGone?: boolean } = {},
): Promise<DockerContext> {
  const { knownInstance } = await import('@orlop/engine');
  const { dockerContext } = await import('./docker-contexts.ts');
  const { engineHome } = await import('./engine-daemon.ts');
  if (!mayBeGone) knownInstance(engineHome(context), name);
  return dockerContext(context, name);
}
