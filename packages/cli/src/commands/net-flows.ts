import type { FlowRow } from '@orlop/vnet';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { formatBytes } from '../progress.ts';
import { addNetworkOptions, type NetworkOptions, openClient, printRows } from './net-client.ts';

export function registerNetFlows(net: Command, context: CommandContext): void {
  addNetworkOptions(net.command('flows').description('list who talks with whom, or end a flow'))
    .option('--drop <id>', 'end this flow, with a reset on both sides where it is TCP')
    .action(async (options: NetworkOptions & { readonly drop?: string }) => {
      const client = await openClient(context, options);
      if (options.drop !== undefined) {
        await client.dropFlow(options.drop);
        return;
      }
      printRows(await client.flows(), { context, json: options.json, columns: COLUMNS });
    });
}

const COLUMNS = {
  ID: (row: FlowRow) => row.id,
  PROTOCOL: (row: FlowRow) => row.protocol,
  GUEST: (row: FlowRow) => (row.guestName === undefined ? row.guest : `${row.guest} (${row.guestName})`),
  '': (row: FlowRow) => (row.direction === 'out' ? '→' : '←'),
  PEER: (row: FlowRow) => (row.peerName === undefined ? row.peer : `${row.peer} (${row.peerName})`),
  STATE: (row: FlowRow) => row.state,
  OUT: (row: FlowRow) => formatBytes(row.bytesFromGuest),
  IN: (row: FlowRow) => formatBytes(row.bytesToGuest),
  'RTT MS': (row: FlowRow) => row.rttMs?.toFixed(2),
};
