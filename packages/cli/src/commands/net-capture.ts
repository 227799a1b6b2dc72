import { type FileHandle, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { type NetworkOptions, openClient } from './net-client.ts';

interface CaptureOptions extends Pick<NetworkOptions, 'network'> {
  readonly port?: string;
  readonly snapLength?: string;
  readonly write: string;
}

export function registerNetCapture(net: Command, context: CommandContext): void {
  net
    .command('capture')
    .description('record frames as pcapng, until Ctrl-C')
    .option('-n, --network <name>', 'the network', 'default')
    .option('-p, --port <port>', 'one port by name or number, both ways; otherwise every frame once')
    .option('-s, --snap-length <bytes>', 'of each frame that are kept (default: all)')
    .option('-w, --write <file>', 'where to, or - for standard output', '-')
    .addHelpText('after', '\nLive: orlop net capture | tshark -i -')
    .action((options: CaptureOptions) => record(context, options));
}

async function record(context: CommandContext, options: CaptureOptions): Promise<void> {
  if (options.write === '-' && context.stdout.isTTY === true) {
    throw cliError('net.capture-terminal', 'a capture is no text: give --write FILE, or pipe it');
  }
  const client = await openClient(context, options);
  const { port, snapLength, write } = options;
  const chunks = client.capture(
    {
      ...(port !== undefined && { port }),
      ...(snapLength !== undefined && { snapLength: Number(snapLength) }),
    },
    { signal: context.signal },
  );
  if (write === '-') {
    for await (const chunk of chunks) {
      await new Promise<void>((done) => context.stdout.write(chunk, () => done()));
    }
    return;
  }
  // Made with the first bytes: where there is nothing to record (no such port), there is no file.
  let file: FileHandle | undefined;
  try {
    for await (const chunk of chunks) {
      file ??= await open(resolve(context.cwd, write), 'w', 0o600);
      await file.appendFile(chunk);
    }
  } finally {
    await file?.close();
  }
}
