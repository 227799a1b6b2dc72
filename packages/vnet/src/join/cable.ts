import { randomFillSync, randomInt } from 'node:crypto';
import type { Random } from '@orlop/core';
import { type HostOptions, IpAddress, IpPrefix } from '@orlop/netstack';
import { vnetError } from '../errors.ts';
import type { HostStreamEvents } from '../host/host-sockets.ts';
import { createNodeSockets } from '../host/node-sockets.ts';
import { qemuFraming } from '../link/framing.ts';
import type { Link } from '../link/link.ts';
import { StreamLink } from '../link/stream-link.ts';

/** How a program takes part in a virtual network, with an address of its own. */
export interface JoinOptions {
  /** The unix socket on which the network listens for QEMU (`orlop net up --listen qemu:PATH`). */
  readonly socketPath: string;
  /** `ADDRESS/LENGTH`, free on the network; further ones as well, IPv6 too. */
  readonly addresses: readonly string[];
  /** Routers: what is not on the link goes there. @default none */
  readonly gateways?: readonly string[];
  /** @default 1500 */
  readonly mtu?: number;
  /** @default locally administered, by chance */
  readonly mac?: number;
}

const ANYWHERE_4 = new IpPrefix(IpAddress.v4(0), 0);
const ANYWHERE_6 = new IpPrefix(IpAddress.v6(0, 0, 0, 0), 0);
/** 02:xx…: locally administered, not a group (IEEE 802-2014 §8.4). */
const LOCAL_MAC = 0x020000000000;

/** Plugs into the network's socket as QEMU does. @throws OrlopError `vnet.link-failed` */
export async function plugCable(options: JoinOptions): Promise<Link> {
  const path = options.socketPath;
  return new Promise((resolve, reject) => {
    let link: StreamLink | undefined;
    const events: HostStreamEvents = {
      onOpen: () => {
        link = new StreamLink(stream, {
          kind: 'qemu',
          framing: qemuFraming,
          peer: path,
          mtu: options.mtu ?? 1500,
        });
        resolve(link);
      },
      onReadable: () => link?.onReadable(),
      onWritable: () => link?.onWritable(),
      onFailed: (failure) => {
        if (link !== undefined) link.onFailed(failure);
        else {
          const hint = 'is the network up? (orlop net up)';
          reject(vnetError('vnet.link-failed', `cannot plug into ${path}: ${failure}`, { hint }));
        }
      },
    };
    const stream = createNodeSockets().connect({ kind: 'unix', path }, events);
  });
}

/** The options of a host that joins. @throws OrlopError `vnet.config-invalid` */
export function hostOptions(options: JoinOptions): HostOptions {
  const routes = (options.gateways ?? []).map((text) => {
    const via = IpAddress.parse(text);
    if (via === undefined) throw vnetError('vnet.config-invalid', `gateway "${text}" is no IP address`);
    return { prefix: via.version === 4 ? ANYWHERE_4 : ANYWHERE_6, via };
  });
  const addresses = options.addresses.map((text) => {
    const prefix = IpPrefix.parse(text);
    if (prefix === undefined) throw vnetError('vnet.config-invalid', `"${text}" is not ADDRESS/LENGTH`);
    return prefix;
  });
  return {
    mac: options.mac ?? LOCAL_MAC + randomInt(2 ** 40),
    mtu: options.mtu ?? 1500,
    addresses,
    routes,
    random: systemRandom,
    // A unix socket between two processes does not corrupt.
    trustedLink: true,
  };
}

const systemRandom: Random = {
  fill: (into) => {
    randomFillSync(into);
  },
  u32: () => randomInt(0x1_0000_0000),
};
