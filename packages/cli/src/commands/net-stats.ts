import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { formatBytes } from '../progress.ts';
import { addNetworkOptions, type NetworkOptions, openClient, printRows } from './net-client.ts';

export function registerNetStats(net: Command, context: CommandContext): void {
  addNetworkOptions(net.command('stats').description('show ports, counters and drops by reason'))
    .option('--prometheus', "print every counter in Prometheus's text format")
    .action(async (options: NetworkOptions & { readonly prometheus?: boolean }) => {
      const client = await openClient(context, options);
      if (options.prometheus === true) {
        context.stdout.write(await client.metrics());
        return;
      }
      const status = await client.status();
      if (options.json) {
        context.stdout.write(`${JSON.stringify(status)}\n`);
        return;
      }
      printRows(status.ports, {
        context,
        json: false,
        columns: {
          PORT: (port) => port.id,
          LINK: (port) => port.name,
          KIND: (port) => port.kind,
          MTU: (port) => port.mtu,
          'FRAMES IN': (port) => port.framesIn,
          'BYTES IN': (port) => formatBytes(port.bytesIn),
          'FRAMES OUT': (port) => port.framesOut,
          'BYTES OUT': (port) => formatBytes(port.bytesOut),
          DROPS: (port) => nonZero(port.drops),
        },
      });
      context.stdout.write(`\nflows: ${status.connections} tcp, ${status.udpFlows} udp\n`);
      for (const [name, counters] of Object.entries(status.counters)) {
        const text = typeof counters === 'number' ? String(counters) : nonZero({ ...counters });
        context.stdout.write(`${name}: ${text ?? '0'}\n`);
      }
    });
}

function nonZero(counters: Readonly<Record<string, number>>): string | undefined {
  const parts = Object.entries(counters).filter(([, value]) => value !== 0);
  return parts.length === 0 ? undefined : parts.map(([name, value]) => `${name}=${value}`).join(' ');
}
