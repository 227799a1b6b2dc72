import { createHash } from 'node:crypto';
import type { PublishedPort } from '@orlop/vm';
import { networkPaths } from './net-paths.ts';
import type { NetworkProvider } from './run-network.ts';

const DEFAULT_NETWORK = 'default';
/** A network that nobody asked for by `orlop net up` ends this long after its last machine. */
const IDLE_EXIT_SECONDS = '30';

/** Orlop's own network, in a process of its own: machines of one network share a segment and know each other by name. */
export const vnet: NetworkProvider = {
  kind: 'vnet',
  summary: "Orlop's virtual network: vnet or vnet,NAME",
  attach: async ({ context, machine, publish, detail }) => {
    const { ensureNetwork } = await import('./net-process.ts');
    const name = detail ?? DEFAULT_NETWORK;
    const client = await ensureNetwork(context, { name, options: { idleExit: IDLE_EXIT_SECONDS } });
    const mac = macOf(machine, name);
    await client.addMachine({ name: machine, mac, forwards: publish.map(formatPublished) });
    const { mtu } = await client.status();
    return {
      attachment: { kind: 'stream', socketPath: networkPaths(context, name).qemu, mac, mtu },
      close: async () => {
        // A network that ended meanwhile has forgotten the machine itself.
        await client.removeMachine(machine).catch(() => undefined);
      },
    };
  },
};

/** The same machine has the same address at every run. Prefix 52:54:00 as QEMU's own. */
function macOf(machine: string, network: string): string {
  const digest = createHash('sha256').update(`${network}/${machine}`).digest();
  return [
    '52',
    '54',
    '00',
    ...[...digest.subarray(0, 3)].map((byte) => byte.toString(16).padStart(2, '0')),
  ].join(':');
}

function formatPublished({ hostAddress, hostPort, guestPort, protocol }: PublishedPort): string {
  const address = hostAddress.includes(':') ? `[${hostAddress}]` : hostAddress;
  return `${address}:${hostPort}:${guestPort}/${protocol}`;
}
