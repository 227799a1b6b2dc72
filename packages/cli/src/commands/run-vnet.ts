import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { PublishedPort } from '@orlop/vm';
import type { CommandContext } from '../context.ts';
import { networkPaths } from './net-paths.ts';
import type { DetachedNetwork } from './net-process.ts';
import type { NetworkProvider } from './run-network.ts';

const DEFAULT_NETWORK = 'default';
/** A network that nobody asked for by `orlop net up` ends this long after its last machine. */
const IDLE_EXIT_SECONDS = '30';
/** How often it is looked whether the network is still there. */
const WATCH_MS = 1000;

/** Orlop's own network, in a process of its own: machines of one network share a segment and know each other by name. */
export const vnet: NetworkProvider = {
  kind: 'vnet',
  summary: "Orlop's virtual network: vnet or vnet,NAME",
  attach: async ({ context, machine, publish, detail, userData }) => {
    const { ensureNetwork } = await import('./net-process.ts');
    const network = { name: detail ?? DEFAULT_NETWORK, options: { idleExit: IDLE_EXIT_SECONDS } };
    const client = await ensureNetwork(context, network);
    const mac = macOf(machine, network.name);
    const cable = networkPaths(context, network.name).cable(machine);
    const forwards = publish.map(formatPublished);
    await client.addMachine({ name: machine, mac, forwards, cable, userData });
    const { mtu } = await client.status();
    const stopWatching = keepUp(context, network);
    return {
      attachment: { kind: 'stream', socketPath: cable, listen: true, mac, mtu },
      close: async () => {
        stopWatching();
        // A network that ended meanwhile has forgotten the machine itself.
        await client.removeMachine(machine).catch(() => undefined);
        await rm(cable, { force: true });
      },
    };
  },
};

/**
 * As long as this process is with the machine, a network that was killed is started again: it finds its machines,
 * which listen for it, its leases and forwards by itself. Does not keep the process alive.
 */
function keepUp(context: CommandContext, network: DetachedNetwork): () => void {
  let looking = false;
  const look = async () => {
    if (looking) return;
    looking = true;
    try {
      const { ensureNetwork } = await import('./net-process.ts');
      await ensureNetwork(context, network);
    } catch (error) {
      context.logger.warn('the network is gone and does not start', { error: String(error) });
    } finally {
      looking = false;
    }
  };
  const timer = setInterval(() => void look(), WATCH_MS);
  timer.unref();
  return () => clearInterval(timer);
}

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
