import { readdir } from 'node:fs/promises';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { openClient, printRows } from './net-client.ts';

export function registerNetLs(net: Command, context: CommandContext): void {
  net
    .command('ls')
    .alias('list')
    .description('list the networks, and who is plugged into them')
    .option('--json', 'print as JSON')
    .action(async ({ json }: { readonly json?: boolean }) => {
      printRows(await listNetworks(context), {
        context,
        json,
        columns: {
          NAME: (row) => row.name,
          STATE: (row) => row.state,
          PID: (row) => row.pid,
          SUBNET: (row) => row.subnet,
          MTU: (row) => row.mtu,
          LINKS: (row) => row.links,
          MACHINES: (row) => row.machines.join(',') || '-',
        },
      });
    });
}

async function listNetworks(context: CommandContext) {
  const names = (await readdir(context.paths.networks).catch(() => [])).sort();
  return Promise.all(
    names.map(async (name) => {
      const client = await openClient(context, { network: name });
      const status = await client.status().catch(() => undefined);
      return {
        name,
        state: status === undefined ? 'down' : 'up',
        pid: status?.pid,
        subnet: status?.subnet,
        mtu: status?.mtu,
        links: status?.ports.length,
        machines: status?.machines.map((machine) => machine.name) ?? [],
      };
    }),
  );
}
