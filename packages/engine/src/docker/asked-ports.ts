import { type PortBindings, type PublishedPort, readBindings } from './published-ports.ts';

/** Parts of Docker's answer to `GET /containers/ID/json` (API 1.45) that say what a container asks of the host. */
export interface Inspection {
  readonly Id?: string;
  readonly Name?: string;
  readonly HostConfig?: {
    readonly NetworkMode?: string;
    readonly PortBindings?: PortBindings | null;
    readonly AutoRemove?: boolean;
  };
}

/** Where the host listens for a container. */
export type HostSide = Pick<PublishedPort, 'protocol' | 'hostAddress' | 'hostPort'>;

export interface AskedSide extends HostSide {
  /** Nobody asked for this one by name: a host without IPv6 has none. */
  readonly optional: boolean;
}

/** What a container asked for when it was created, which never changes. */
export interface AskedPorts {
  readonly container: string;
  /** Goes when it ends, or does not start (`--rm`). */
  readonly autoRemove: boolean;
  readonly bindings: PortBindings;
  /** Those with a port of the host that it named; what it leaves to Docker is known once Docker has chosen. */
  readonly sides: readonly AskedSide[];
}

/** @param defaultAddress where ports are published for which no address is given; absent: on all, of IPv6 too */
export function askedPorts(inspection: Inspection, defaultAddress?: string): AskedPorts {
  const bindings = inspection.HostConfig?.PortBindings ?? {};
  return {
    container: inspection.Name?.replace(/^\//, '') ?? '',
    autoRemove: inspection.HostConfig?.AutoRemove === true,
    bindings,
    sides: publishes(inspection.HostConfig?.NetworkMode) ? sidesOf(bindings, defaultAddress) : [],
  };
}

/** Whether two sides cannot be open at once: an address, and all addresses of its family. */
export function overlaps(a: HostSide, b: HostSide): boolean {
  if (a.protocol !== b.protocol || a.hostPort !== b.hostPort) return false;
  const six = a.hostAddress.includes(':');
  if (six !== b.hostAddress.includes(':')) return false;
  const any = six ? '::' : '0.0.0.0';
  return a.hostAddress === b.hostAddress || a.hostAddress === any || b.hostAddress === any;
}

/** Docker passes over the ports of containers without a network of their own. */
function publishes(networkMode = 'default'): boolean {
  return networkMode !== 'host' && networkMode !== 'none' && !networkMode.startsWith('container:');
}

function sidesOf(bindings: PortBindings, defaultAddress: string | undefined): AskedSide[] {
  return readBindings(bindings).flatMap((binding) => {
    const { protocol, hostPort } = binding;
    const at = (hostAddress: string, optional: boolean): AskedSide => ({
      ...{ protocol, hostAddress, hostPort, optional },
    });
    const address = binding.hostAddress === '' ? defaultAddress : binding.hostAddress;
    return address === undefined ? [at('0.0.0.0', false), at('::', true)] : [at(address, false)];
  });
}
