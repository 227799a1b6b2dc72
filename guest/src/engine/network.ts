import { asList, asRecord, asText } from '../container/bundle.ts';
import { exitStatusOf, type System, succeeded } from '../system/system.ts';

/** The machine's addresses, where the host has chosen them itself: it knows, so nobody need be asked. */
export interface StaticNetwork {
  /** With its prefix, `192.168.127.2/24`. */
  readonly address: string;
  readonly gateway: string;
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  /** @default what the card has */
  readonly mtu?: number;
}

/** The machine's only card: QEMU's virtio-net, by the kernel's own naming. */
export const machineCard = 'eth0';

const busybox = '/usr/bin/busybox';
const leaseScript = '/usr/lib/orlop/lease';
const resolverFolder = '/run/resolvconf';

/** @returns the network, or what is wrong with it */
export function readStaticNetwork(value: unknown): StaticNetwork | string {
  const network = asRecord(value);
  const address = asText(network['address']);
  const gateway = asText(network['gateway']);
  if (!/^\d+(?:\.\d+){3}\/\d+$/.test(address))
    return `network address "${address}": such as 192.168.127.2/24`;
  if (!/^\d+(?:\.\d+){3}$/.test(gateway)) return `network gateway "${gateway}": such as 192.168.127.1`;
  const mtu = network['mtu'];
  return {
    address,
    gateway,
    nameservers: asList(network['nameservers']).map(asText),
    search: asList(network['search']).map(asText),
    ...(typeof mtu === 'number' && Number.isInteger(mtu) && mtu >= 576 ? { mtu } : {}),
  };
}

/**
 * Brings the card up with the given addresses; without any, with a DHCP lease, taken once: the virtual network keeps
 * a machine's address as long as the machine is attached. IPv6 the kernel sets up itself from router advertisements.
 *
 * @returns what went wrong, or undefined
 */
export function bringUpNetwork(system: System, network: StaticNetwork | undefined): string | undefined {
  if (system.files.status(`/sys/class/net/${machineCard}`) === undefined)
    return `there is no card ${machineCard}`;
  if (network === undefined) {
    return (
      run(system, ['ip', 'link', 'set', machineCard, 'up']) ??
      run(system, [
        'udhcpc',
        '-i',
        machineCard,
        '-f',
        '-q',
        '-n',
        '-t',
        '8',
        '-T',
        '1',
        '-O',
        'mtu',
        '-s',
        leaseScript,
      ])
    );
  }
  const mtu = network.mtu === undefined ? [] : ['mtu', String(network.mtu)];
  const problem =
    run(system, ['ip', 'addr', 'add', network.address, 'dev', machineCard]) ??
    run(system, ['ip', 'link', 'set', machineCard, ...mtu, 'up']) ??
    run(system, ['ip', 'route', 'add', 'default', 'via', network.gateway, 'dev', machineCard]);
  if (problem !== undefined) return problem;
  const lines = [
    ...(network.search.length === 0 ? [] : [`search ${network.search.join(' ')}`]),
    ...network.nameservers.map((server) => `nameserver ${server}`),
  ];
  system.files.makeFolder(resolverFolder);
  system.files.write(`${resolverFolder}/resolv.conf`, `${lines.join('\n')}\n`);
  return undefined;
}

function run(system: System, command: readonly string[]): string | undefined {
  const { ending, output } = system.processes.capture([busybox, ...command], { stderr: 'with-stdout' });
  if (succeeded(ending)) return undefined;
  return `${command.join(' ')} ended with status ${exitStatusOf(ending)}: ${output.trim()}`;
}
