import { untilDrained } from '@orlop/core';
import { type Command, InvalidArgumentError } from 'commander';
import type { CommandContext } from '../context.ts';
import { TerminalText } from '../terminal-text.ts';

interface LogsOptions {
  readonly follow?: boolean;
  readonly lines?: number;
  readonly previous?: boolean;
  readonly driver?: boolean;
}

export function registerLogs(program: Command, context: CommandContext): void {
  program
    .command('logs')
    .description("print what a machine said on its console; without a name, the engine's")
    .argument('[name]', 'a machine of `orlop ps --all`, `engine-NAME` for engines', 'engine-default')
    .addHelpText('after', '\nThe daemon itself writes to daemon/log in the state folder.')
    .option('-f, --follow', 'go on while the machine runs')
    .option('-n, --lines <n>', 'only the last lines', parseLines)
    .option('--previous', 'of the run before')
    .option('--driver', "what the machine's process (QEMU) said instead")
    .action((name: string, options: LogsOptions) => printLogs(name, { context, options }));
}

async function printLogs(
  name: string,
  { context, options }: { context: CommandContext; options: LogsOptions },
): Promise<void> {
  const { followLog, MachineFolder, rotateLog } = await import('@orlop/vm');
  const { Machines } = await import('./run-machines.ts');
  const machine = await new Machines(context).open(name);
  await rotateLog(machine.console.logPath);
  const current =
    options.driver === true ? new MachineFolder(machine.folder).file('stderr') : machine.console.logPath;
  const path = options.previous === true ? `${current}.1` : current;
  const live = async () => (await machine.state()).kind === 'running';
  const pieces = followLog(path, {
    signal: context.signal,
    ...(options.lines === undefined ? {} : { lines: options.lines }),
    ...(options.follow === true ? { live } : {}),
  });
  // A file or a program is given every byte.
  const terminal = context.stdout.isTTY === true ? new TerminalText() : undefined;
  const decoder = new TextDecoder();
  for await (const piece of pieces) {
    const text = terminal?.pass(decoder.decode(piece, { stream: true })) ?? piece;
    if (!context.stdout.write(text)) await untilDrained(context.stdout);
  }
}

function parseLines(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('a whole number');
  return Number(text);
}
