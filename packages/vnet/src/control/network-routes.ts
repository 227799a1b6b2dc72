import { IpAddress } from '@orlop/netstack';
import { formatMac, parseMac } from '@orlop/wire';
import { cleanHostName } from '../dhcp/host-name.ts';
import type { Lease, LeaseTable } from '../dhcp/leases.ts';
import { vnetError } from '../errors.ts';
import type { ForwardStatus } from '../forward/forward.ts';
import { forwardText, parseForwards } from '../forward/forward-text.ts';
import { formatHostEndpoint } from '../host/endpoint-text.ts';
import type { HostSockets } from '../host/host-sockets.ts';
import { nodeScheduler } from '../node-scheduler.ts';
import type { VirtualNetwork } from '../virtual-network.ts';
import { type ApiRoute, json } from './api-route.ts';
import * as schemas from './api-schemas.ts';
import { probeForward } from './forward-probe.ts';
import type { Machines } from './machines.ts';

/** A forward as the API tells it. */
export interface ForwardRow extends Omit<ForwardStatus, 'spec' | 'local'> {
  readonly text: string;
  readonly local: string | undefined;
}

export interface LeaseRow {
  readonly mac: string;
  readonly address: string;
  readonly name: string;
  readonly static: boolean;
  readonly expiresAt?: string;
}

const ID = { id: { description: 'of the forward, as listed', required: true } };

export function forwardRoutes(network: VirtualNetwork, sockets: HostSockets): readonly ApiRoute[] {
  const { forwards } = network;
  const tag = 'forwards';
  return [
    {
      method: 'GET',
      path: '/v1/forwards',
      summary: 'List the forwards with their counters',
      tag,
      answer: schemas.listOf(schemas.FORWARD),
      handle: () => json(forwards.list().map(forwardRow)),
    },
    {
      method: 'POST',
      path: '/v1/forwards',
      summary: 'Add forwards: all of them, or none',
      tag,
      body: schemas.FORWARDS_BODY,
      answer: schemas.listOf(schemas.FORWARD),
      handle: async ({ body }) => {
        const specs = (body as { readonly forwards: readonly string[] }).forwards.flatMap(parseForwards);
        const added: ForwardStatus[] = [];
        try {
          for (const spec of specs) added.push(await forwards.add(spec));
        } catch (error) {
          for (const { id } of added) forwards.remove(id);
          throw error;
        }
        return json(added.map(forwardRow));
      },
    },
    {
      method: 'DELETE',
      path: '/v1/forwards',
      summary: 'Remove a forward; its connections end',
      tag,
      query: ID,
      answer: schemas.EMPTY,
      handle: ({ url }) => json(forwards.remove(url.searchParams.get('id') ?? '')),
    },
    {
      method: 'GET',
      path: '/v1/forwards/health',
      summary: "Ask each forward's guest whether somebody answers",
      tag,
      query: { id: { description: 'of one forward' } },
      answer: schemas.listOf(schemas.PROBE),
      handle: async ({ url }) => {
        const id = url.searchParams.get('id');
        const chosen = forwards.list().filter((forward) => id === null || forward.id === id);
        const probes = chosen.map((forward) =>
          probeForward(forward, { network, sockets, scheduler: nodeScheduler }),
        );
        return json(await Promise.all(probes));
      },
    },
  ];
}

export function leaseRoutes({ leases }: VirtualNetwork): readonly ApiRoute[] {
  const tag = 'leases';
  return [
    {
      method: 'GET',
      path: '/v1/leases',
      summary: 'List which guest has which address',
      tag,
      answer: schemas.listOf(schemas.LEASE),
      handle: () => json([...leases.list()].map((lease) => leaseRow(lease, leases))),
    },
    {
      method: 'PUT',
      path: '/v1/leases',
      summary: 'Give a guest an address of its own',
      tag,
      body: schemas.LEASE_BODY,
      answer: schemas.LEASE,
      handle: ({ body }) => {
        const { mac: macText, address: text, name } = body as { mac: string; address: string; name?: string };
        const mac = macOf(macText);
        const address = IpAddress.parse(text);
        if (address === undefined) throw vnetError('vnet.address-invalid', `"${text}" is no IP address`);
        leases.addStatic({ mac, address, hostName: cleanHostName(name) });
        const lease = leases.findByMac(mac);
        return json(lease === undefined ? {} : leaseRow(lease, leases));
      },
    },
    {
      method: 'DELETE',
      path: '/v1/leases',
      summary: 'Forget the lease of a guest',
      tag,
      query: { mac: { description: 'Ethernet address of the guest', required: true } },
      answer: schemas.EMPTY,
      handle: ({ url }) => {
        const text = url.searchParams.get('mac') ?? '';
        if (!leases.remove(macOf(text))) throw vnetError('vnet.lease-unknown', `${text} has no lease`);
        return json({});
      },
    },
  ];
}

export function machineRoutes(machines: Machines): readonly ApiRoute[] {
  const tag = 'machines';
  return [
    {
      method: 'GET',
      path: '/v1/machines',
      summary: 'List the machines that have a fixed address',
      tag,
      answer: schemas.listOf(schemas.MACHINE),
      handle: () => json([...machines.list()]),
    },
    {
      method: 'POST',
      path: '/v1/machines',
      summary: 'Register a machine that is about to plug in, with its forwards',
      tag,
      body: schemas.MACHINE_BODY,
      answer: schemas.MACHINE,
      handle: async ({ body }) => {
        const { forwards = [], ...machine } = body as {
          readonly name: string;
          readonly mac: string;
          readonly forwards?: readonly string[];
          readonly cable?: string;
          readonly userData?: string;
        };
        return json(await machines.add({ ...machine, forwards: forwards.flatMap(parseForwards) }));
      },
    },
    {
      method: 'DELETE',
      path: '/v1/machines',
      summary: "End a machine's forwards; its address stays its own",
      tag,
      query: { name: { description: 'of the machine', required: true } },
      answer: schemas.EMPTY,
      handle: ({ url }) => json(machines.remove(url.searchParams.get('name') ?? '')),
    },
  ];
}

export function forwardRow({ spec, local, ...counters }: ForwardStatus): ForwardRow {
  return {
    ...counters,
    text: forwardText(spec),
    local: local === undefined ? undefined : formatHostEndpoint(local),
  };
}

function leaseRow(lease: Lease, leases: LeaseTable): LeaseRow {
  return {
    mac: formatMac(lease.mac),
    address: lease.address.toString(),
    name: lease.hostName,
    static: lease.isStatic,
    ...(!lease.isStatic && { expiresAt: new Date(leases.wallExpiryMs(lease)).toISOString() }),
  };
}

function macOf(text: string): number {
  const mac = parseMac(text);
  if (mac === undefined) throw vnetError('vnet.address-invalid', `"${text}" is no Ethernet address`);
  return mac;
}
