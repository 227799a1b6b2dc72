import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { addNetworkOptions, type NetworkOptions, openClient, printRows } from './net-client.ts';

export function registerNetLease(net: Command, context: CommandContext): void {
  const lease = net.command('lease').description('which guest has which address');
  addNetworkOptions(lease.command('ls').description('list leases')).action(
    async (options: NetworkOptions) => {
      printRows(await (await openClient(context, options)).leases(), {
        context,
        json: options.json,
        columns: {
          ADDRESS: (row) => row.address,
          MAC: (row) => row.mac,
          NAME: (row) => row.name || undefined,
          EXPIRES: (row) => row.expiresAt ?? 'never',
        },
      });
    },
  );
  addNetworkOptions(lease.command('set').description('give a guest an address of its own'))
    .argument('<mac>', 'Ethernet address of the guest: 52:54:00:12:34:56')
    .argument('<address>', 'IPv4 address of the network that it gets')
    .argument('[name]', 'what the guest is called')
    .action(async (mac: string, address: string, name: string | undefined, options: NetworkOptions) => {
      const client = await openClient(context, options);
      const set = await client.setLease({ mac, address, ...(name !== undefined && { name }) });
      if (options.json) context.stdout.write(`${JSON.stringify(set)}\n`);
    });
  addNetworkOptions(lease.command('rm').description('forget the lease of a guest'))
    .argument('<mac>', 'Ethernet address, as `ls` shows it')
    .action(async (mac: string, options: NetworkOptions) => {
      await (await openClient(context, options)).removeLease(mac);
    });
}
