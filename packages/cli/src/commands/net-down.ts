import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { networkPaths } from './net-paths.ts';

export function registerNetDown(net: Command, context: CommandContext): void {
  net
    .command('down')
    .argument('[name]', 'of the network', 'default')
    .description('stop a virtual network; its leases are kept')
    .action(async (name: string) => {
      const { NetworkClient } = await import('@orlop/vnet');
      await new NetworkClient(networkPaths(context, name).control).stop();
    });
}
