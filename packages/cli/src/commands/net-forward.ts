import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { formatBytes } from '../progress.ts';
import { addNetworkOptions, type NetworkOptions, openClient, printRows } from './net-client.ts';

export function registerNetForward(net: Command, context: CommandContext): void {
  const forward = net.command('forward').description('ports of the host that lead to guests');
  addNetworkOptions(forward.command('add').description('lead ports of the host to a guest'))
    .argument('<forward...>', '[ADDRESS:]HOSTPORT:[GUEST:]GUESTPORT[/udp][,proxy=2]')
    .addHelpText('after', FORMS)
    .action(async (forwards: string[], options: NetworkOptions) => {
      const added = await (await openClient(context, options)).addForwards(forwards);
      if (options.json) context.stdout.write(`${JSON.stringify(added)}\n`);
      else for (const { id, local } of added) context.stdout.write(`${id}${local ? ` (${local})` : ''}\n`);
    });
  addNetworkOptions(forward.command('rm').description('remove forwards; their connections end'))
    .argument('<id...>', 'as `ls` shows them: tcp:127.0.0.1:8080')
    .action(async (ids: string[], options: NetworkOptions) => {
      const client = await openClient(context, options);
      for (const id of ids) await client.removeForward(id);
      if (options.json) context.stdout.write(`${JSON.stringify(ids)}\n`);
    });
  addNetworkOptions(forward.command('ls').description('list forwards with their counters')).action(
    async (options: NetworkOptions) => {
      printRows(await (await openClient(context, options)).forwards(), {
        context,
        json: options.json,
        columns: {
          ID: (row) => row.id,
          FORWARD: (row) => row.text,
          CONNECTIONS: (row) => row.connections,
          ACTIVE: (row) => row.active,
          FAILED: (row) => row.failed,
          IN: (row) => formatBytes(row.bytesToGuest),
          OUT: (row) => formatBytes(row.bytesFromGuest),
          'LAST ERROR': (row) => row.lastError,
        },
      });
    },
  );
  addNetworkOptions(
    forward.command('check').description('ask whether somebody answers behind forwards; 1 where not'),
  )
    .argument('[id]', 'of one forward')
    .action(async (id: string | undefined, options: NetworkOptions) => {
      const forwards = await (await openClient(context, options)).checkForwards(id);
      if (forwards.some(({ state }) => state === 'unreachable')) process.exitCode = 1;
      printRows(forwards, {
        context,
        json: options.json,
        columns: {
          ID: (row) => row.id,
          STATE: (row) => row.state,
          GUEST: (row) => row.guest,
          'LATENCY MS': (row) => row.latencyMs?.toFixed(1),
          REASON: (row) => row.reason,
        },
      });
    });
}

const FORMS = `
A forward is [ADDRESS:]HOSTPORT:[GUEST:]GUESTPORT[/udp], unix:PATH:[GUEST:]GUESTPORT,
or host:PORT=unix:PATH for the other direction. Ports may be ranges: 8000-8009:8000-8009. Port 0 of the host is any that
is free. A colon in the PATH before a guest is written \\:.
With ,proxy=1 or ,proxy=2 the guest is told its client's address by the PROXY protocol.`;
