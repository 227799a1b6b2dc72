import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { orInterrupted } from './interrupted.ts';
import { parseSeconds } from './run-options.ts';
import { addStartOptions, bringUp, type UpOptions } from './up.ts';

const GRACE_SECONDS = 60;

interface DownOptions {
  readonly all?: boolean;
  readonly time: number;
  readonly save?: boolean;
  readonly json?: boolean;
}

export function registerDown(program: Command, context: CommandContext): void {
  program
    .command('down')
    .description('power an engine off; its containers, images and volumes stay')
    .argument('[name]', 'one of several engines', 'default')
    .option('--all', 'every engine, and the daemon')
    .option('-t, --time <seconds>', 'how long containers and machine may take', parseSeconds, GRACE_SECONDS)
    .option('--save', 'keep its memory in a file: the next `orlop up` goes on where it was')
    .option('--json', "print the engine's status as JSON")
    .action(async (name: string, options: DownOptions) => {
      const { ensureDaemon, findDaemon } = await import('./engine-daemon.ts');
      if (options.all === true) {
        const daemon = await findDaemon(context);
        await orInterrupted(context, {
          goesOn: 'the engines are stopped nevertheless',
          request: async (signal) => daemon?.shutdown({ signal }),
        });
        return;
      }
      // A daemon that was killed may have left a machine, so one is needed to end it in order.
      const client = await ensureDaemon(context);
      const save = options.save === true;
      const status = await orInterrupted(context, {
        goesOn: `the engine "${name}" is stopped nevertheless`,
        request: (signal) => client.stop(name, { graceMs: options.time * 1000, save, signal }),
      });
      if (save && status.state.kind === 'stopped' && status.state.reason !== 'saved') {
        const why = status.state.detail ?? 'it did not run';
        context.stderr.write(`powered off, and not saved: ${why}\n`);
      }
      if (options.json) context.stdout.write(`${JSON.stringify(status)}\n`);
    });
}

export function registerRestart(program: Command, context: CommandContext): void {
  addStartOptions(
    program
      .command('restart')
      .description('power an engine off and start it again, with its settings as they are now')
      .argument('[name]', 'one of several engines', 'default'),
  ).action(async (name: string, options: UpOptions) => {
    const { ensureDaemon } = await import('./engine-daemon.ts');
    const client = await ensureDaemon(context);
    await orInterrupted(context, {
      goesOn: `the engine "${name}" is stopped nevertheless, and not started`,
      request: (signal) => client.stop(name, { signal }),
    });
    await bringUp(client, name, { context, options: { ...options, fresh: true } });
  });
}

export function registerReset(program: Command, context: CommandContext): void {
  program
    .command('reset')
    .description(
      'remove an engine: its machine, and its containers, images and volumes unless told otherwise',
    )
    .argument('[name]', 'one of several engines', 'default')
    .option('--keep-data', 'keep containers, images and volumes for the next `orlop up`')
    .option('-f, --force', 'do not ask that the loss of data be confirmed by --keep-data or --force')
    .option('--json', "print the engine's status as JSON")
    .action(async (name: string, options: { keepData?: boolean; force?: boolean; json?: boolean }) => {
      if (options.keepData !== true && options.force !== true) {
        throw cliError(
          'engine.not-confirmed',
          `this removes every container, image and volume of the engine "${name}"`,
          { hint: 'say --force to do so, or --keep-data to keep them' },
        );
      }
      const { ensureDaemon } = await import('./engine-daemon.ts');
      const { dockerContext } = await import('./docker-contexts.ts');
      const client = await ensureDaemon(context);
      const status = await orInterrupted(context, {
        goesOn: `the engine "${name}" is reset nevertheless`,
        request: (signal) => client.reset(name, { keepData: options.keepData === true, signal }),
      });
      await (await dockerContext(context, name)).remove();
      if (options.json) context.stdout.write(`${JSON.stringify(status)}\n`);
    });
}
