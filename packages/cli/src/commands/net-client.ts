import type { NetworkClient } from '@orlop/vnet';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { formatColumns } from '../format-columns.ts';
import { networkPaths } from './net-paths.ts';

/** Options of every command that speaks with a network which is up. */
export interface NetworkOptions {
  readonly network: string;
  readonly json?: boolean;
}

/** Adds `--network` and `--json`. */
export function addNetworkOptions(command: Command): Command {
  return command.option('-n, --network <name>', 'the network', 'default').option('--json', 'print as JSON');
}

/** Speaks to the network that the options name, which need not run yet. */
export async function openClient(
  context: CommandContext,
  { network }: Pick<NetworkOptions, 'network'>,
): Promise<NetworkClient> {
  const { NetworkClient } = await import('@orlop/vnet');
  return new NetworkClient(networkPaths(context, network).control);
}

/** Prints rows as JSON or as a table with these columns. */
export function printRows<Row>(
  rows: readonly Row[],
  {
    context,
    json,
    columns,
  }: {
    readonly context: CommandContext;
    readonly json: boolean | undefined;
    readonly columns: Readonly<Record<string, (row: Row) => string | number | undefined>>;
  },
): void {
  if (json === true) {
    context.stdout.write(`${JSON.stringify(rows)}\n`);
    return;
  }
  const cells = rows.map((row) => Object.values(columns).map((read) => String(read(row) ?? '-')));
  context.stdout.write(formatColumns([Object.keys(columns), ...cells]));
}
