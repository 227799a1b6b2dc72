import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { CommandContext } from '../context.ts';

export interface ServeAddress {
  readonly host: string;
  readonly port: number;
}

interface ServeOptions {
  readonly port: ServeAddress;
  readonly directory: string;
}

const LOOPBACK = '127.0.0.1';

/** `orlop serve`: files over HTTP, such as metadata, or kernels for iPXE. */
export function registerServe(program: Command, context: CommandContext): void {
  program
    .command('serve')
    .description('serve a folder over HTTP, such as metadata, or kernels for iPXE')
    .addOption(
      new Option(
        '--port <[address]:port>',
        `where to listen; on ${LOOPBACK} unless an address is said, 0 for a free port`,
      )
        .argParser(parseServeAddress)
        .default({ host: LOOPBACK, port: 8080 }, '8080'),
    )
    .option('--directory <folder>', 'the folder to serve', '.')
    .action(async (options: ServeOptions) => {
      const { serveFolder } = await import('./serve-files.ts');
      await serveFolder(options, context);
    });
}

/** `8080`, LinuxKit's `:8080`, or `192.0.2.1:8080` and `[::1]:8080`. */
export function parseServeAddress(text: string): ServeAddress {
  const match = /^(?:(\[[0-9a-fA-F:.]+\]|[^:[\]]*):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) throw new InvalidArgumentError('such as 8080 or 127.0.0.1:8080');
  const host = (match[1] ?? '').replace(/^\[|\]$/g, '');
  return { host: host === '' ? LOOPBACK : host, port };
}
