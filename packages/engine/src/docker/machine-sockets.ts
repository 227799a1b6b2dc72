import type { PublishedPort } from './published-ports.ts';

/** A socket that a container on the machine's own network (`--net=host`) listens on. */
export interface MachineSocket {
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  /** Docker's full identifier. */
  readonly container: string;
}

/** Where the gateway finds the machine's loopback; guest/src/engine/firewall.ts has the other side. */
export const LOOPBACK_ALIAS = '192.0.0.8';
/** Where pkg/docker/engine-relay answers; guest/src/engine/engine-paths.ts has the other side. */
const RELAY_PORT = 2370;
/** More than any machine listens on; what is beyond is a program that has run wild. */
const MAX_SOCKETS = 1024;
/** Linux's own ports for clients (net.ipv4.ip_local_port_range): a datagram socket there waits for answers. */
const FIRST_EPHEMERAL = 32_768;

/** Reads what pkg/docker/engine-ports writes, piece by piece. Lines that cannot be read are counted and passed over. */
export class MachineSocketReader {
  /** Lines that were not understood. */
  malformed = 0;
  #rest = '';
  #set: MachineSocket[] = [];

  /** @returns the last whole set that has ended in this piece, if one did */
  push(text: string): readonly MachineSocket[] | undefined {
    const lines = (this.#rest + text).split('\n');
    this.#rest = (lines.pop() ?? '').slice(0, 256);
    let whole: readonly MachineSocket[] | undefined;
    for (const line of lines) {
      if (line === '.') continue;
      if (line === '') {
        whole = this.#set;
        this.#set = [];
        continue;
      }
      const socket = parseSocket(line);
      if (socket === undefined || this.#set.length >= MAX_SOCKETS) this.malformed++;
      else this.#set.push(socket);
    }
    return whole;
  }
}

/** `TABLE ADDRESS:PORT CONTAINER`, the address in 32-bit words of the machine's order: proc_pid_net(5). */
function parseSocket(line: string): MachineSocket | undefined {
  const match = /^(tcp|udp)(6?) ((?:[0-9A-F]{8}){1,4}):([0-9A-F]{4}) ([0-9a-f]{12,64})$/.exec(line);
  const [, protocol, six, hex = '', port = '', container = ''] = match ?? [];
  if ((protocol !== 'tcp' && protocol !== 'udp') || hex.length !== (six === '' ? 8 : 32)) return undefined;
  return { protocol, address: readKernelAddress(hex), port: Number.parseInt(port, 16), container };
}

/** An address as /proc/net has it: one or four words of 32 bits, each in the machine's (little-endian) order. */
export function readKernelAddress(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => [...Buffer.from(word, 'hex')].reverse());
  return bytes.length === 4 ? bytes.join('.') : formatIpv6(bytes);
}

function formatIpv6(bytes: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, at) => ((bytes[at * 2] ?? 0) << 8) | (bytes[at * 2 + 1] ?? 0));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff)
    return bytes.slice(12).join('.');
  const text = groups.map((group) => group.toString(16)).join(':');
  return new URL(`http://[${text}]/`).hostname.slice(1, -1);
}

/**
 * The host's ports for these sockets: an address of the machine is the same of the host where the host has it too. What
 * listens on all IPv6 addresses does on those of IPv4 (Linux's default, ipv6(7)). IPv6's loopback, for which no address can
 * stand, is reached by a program of the machine that is told the port first.
 */
export function machinePorts(
  sockets: readonly MachineSocket[],
  { guestAddress, names }: { readonly guestAddress: string; readonly names: ReadonlyMap<string, string> },
): PublishedPort[] {
  return sockets.flatMap(({ protocol, address, port, container }) => {
    const name = names.get(container);
    if (name === undefined || (protocol === 'udp' && port >= FIRST_EPHEMERAL)) return [];
    const published = (hostAddress: string, target: string, way = { port }): PublishedPort => ({
      ...{ protocol, hostAddress, hostPort: port, container: name, containerPort: port },
      target: { address: target, ...way },
    });
    if (address === '::') return [published('0.0.0.0', LOOPBACK_ALIAS), published('::', LOOPBACK_ALIAS)];
    if (address === '0.0.0.0') return [published('0.0.0.0', LOOPBACK_ALIAS)];
    if (/^127\./.test(address)) return [published('127.0.0.1', LOOPBACK_ALIAS)];
    if (address === '::1') return protocol === 'tcp' ? [published('::1', guestAddress, relay(port))] : [];
    // The machine's own address, which the host has not: its loopback stands for it.
    return address === guestAddress ? [published('127.0.0.1', guestAddress)] : [];
  });
}

function relay(port: number): { readonly port: number; readonly greeting: string } {
  return { port: RELAY_PORT, greeting: `${port}\n` };
}
