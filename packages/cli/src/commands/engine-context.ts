import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';

export function registerContext(program: Command, context: CommandContext): void {
  const command = program.command('context').description("the Docker client's context for an engine");
  const add = (text: string, summary: string, action: (name: string) => Promise<void>) =>
    command
      .command(text)
      .description(summary)
      .argument('[name]', 'one of several engines', 'default')
      .action(action);
  add('use', 'make `docker` use the engine', async (name) => {
    const { contextName, selectContext, writeContext } = await import('@orlop/engine');
    const { config, target } = await contextOf(context, name);
    await writeContext(config, target);
    await selectContext(config, contextName(name));
    context.stdout.write(`docker uses ${contextName(name)} now\n`);
  });
  add('unuse', 'make `docker` use its own default again', async () => {
    const { selectContext } = await import('@orlop/engine');
    await selectContext((await contextOf(context, 'default')).config, undefined);
  });
  add('rm', 'remove the context', async (name) => {
    const { removeContext } = await import('@orlop/engine');
    const { config, target } = await contextOf(context, name, { mayBeGone: true });
    const removed = await removeContext(config, target);
    context.stdout.write(
      removed ? `${target.name}\n` : `there is no context ${target.name} to this engine\n`,
    );
  });
  add(
    'link',
    'make /var/run/docker.sock lead to the engine, for programs that know no contexts',
    async (name) => {
      const { linkSystemSocket, SYSTEM_SOCKET } = await import('@orlop/engine');
      const { socket } = (await contextOf(context, name)).target;
      await linkSystemSocket({ link: SYSTEM_SOCKET, socket });
      context.stdout.write(`${SYSTEM_SOCKET} leads to ${socket}\n`);
    },
  );
  add('unlink', 'take that link away again', async (name) => {
    const { SYSTEM_SOCKET, unlinkSystemSocket } = await import('@orlop/engine');
    const { socket } = (await contextOf(context, name, { mayBeGone: true })).target;
    const removed = await unlinkSystemSocket({ link: SYSTEM_SOCKET, socket });
    context.stdout.write(removed ? `${SYSTEM_SOCKET}\n` : `${SYSTEM_SOCKET} does not lead to this engine\n`);
  });
  add('env', 'print the line for a shell', async (name) => {
    context.stdout.write(`export DOCKER_HOST=unix://${(await contextOf(context, name)).target.socket}\n`);
  });
}

/** @throws OrlopError `engine.unknown` */
async function contextOf(
  context: CommandContext,
  name: string,
  { mayBeGone = false }: { readonly mayBeGone?: boolean } = {},
) {
  const { contextName, instancePaths, knownInstance } = await import('@orlop/engine');
  const { dockerConfig, engineHome } = await import('./engine-daemon.ts');
  const paths = (mayBeGone ? instancePaths : knownInstance)(engineHome(context), name);
  return {
    config: dockerConfig(context),
    target: { name: contextName(name), socket: paths.dockerSocket },
  };
}
