/** Parts of Docker's answers (API 1.45) that are looked at here. */
export interface ContainerSummary {
  readonly Id: string;
  readonly Names?: readonly string[];
  readonly Ports?: readonly {
    readonly IP?: string;
    readonly PrivatePort: number;
    readonly PublicPort?: number;
    readonly Type: string;
  }[];
  readonly HostConfig?: { readonly NetworkMode?: string };
  /** Of an inspection: what was asked for. */
  readonly bindings?: PortBindings;
  readonly NetworkSettings?: {
    readonly Networks?: Readonly<
      Record<string, { readonly NetworkID?: string; readonly IPAddress?: string } | null>
    >;
  };
}

/** By `80/tcp`; an empty address stands for all of them, of IPv6 too. */
export type PortBindings = Readonly<
  Record<string, readonly { readonly HostIp?: string; readonly HostPort?: string }[] | null>
>;

export interface ServiceSummary {
  readonly Spec?: { readonly Name?: string };
  readonly Endpoint?: {
    readonly Ports?: readonly {
      readonly Protocol?: string;
      readonly TargetPort?: number;
      readonly PublishedPort?: number;
      readonly PublishMode?: string;
    }[];
  };
}

export interface NetworkSummary {
  readonly Id?: string;
  /** Shut towards everything outside it: Docker publishes nothing through it. */
  readonly Internal?: boolean;
  /** The one that leads a service's ports to its tasks, on whichever machine they are. */
  readonly Ingress?: boolean;
  readonly Driver?: string;
  readonly Scope?: string;
  readonly IPAM?: { readonly Config?: readonly { readonly Subnet?: string }[] | null };
}

/** A port that a container publishes: where the host listens, and where in the guest its connections go. */
export interface PublishedPort {
  readonly protocol: 'tcp' | 'udp';
  readonly hostAddress: string;
  readonly hostPort: number;
  /** Where the host is to choose {@link hostPort}: one of these, in this order; it is 0 until then. @default it is chosen */
  readonly choice?: PortChoice;
  readonly container: string;
  readonly containerPort: number;
  readonly target: {
    readonly address: string;
    readonly port: number;
    /** What the machine's program there wants to hear first. @default nothing */
    readonly greeting?: string;
  };
  /** Nobody asked for this one by name: a host without IPv6 has none. @default false */
  readonly optional?: boolean;
}

/** Ports of the host, `from` the one `to` the other; either may be the larger. */
export interface PortChoice {
  readonly from: number;
  readonly to: number;
}

/** Any port, from the end of the range that Docker begins with: the two do not meet. */
const ANY_PORT: PortChoice = { from: 60_999, to: 32_768 };

/** What tells published ports apart: two of the same side of the host cannot be open at once. */
export function portKey(port: Pick<PublishedPort, 'protocol' | 'hostAddress' | 'hostPort'>): string {
  return `${port.protocol} ${bracket(port.hostAddress)}:${port.hostPort}`;
}

/** The same for one that may have to be chosen yet: whose it is then tells it apart. */
export function wantedKey(port: PublishedPort): string {
  if (port.choice === undefined) return portKey(port);
  const { from, to } = port.choice;
  return `${portKey(port)} ${from}-${to} ${port.container} ${port.containerPort}`;
}

/** An address as it stands before a port. */
export function bracket(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/**
 * The ports of running containers. Connections go to the container's own address: what is published on the loopback or on
 * an address that only the host has is not reachable through the guest's, and Docker's filter lets published ports
 * through by the container's address.
 *
 * @param options.networks those that {@link publishingNetworks} names; a container without an address in one of them is
 *   reached by the port of the machine (a swarm's network, whose ports Docker publishes through a bridge that it does not list)
 */
export function publishedPorts(
  containers: readonly ContainerSummary[],
  { guestAddress, networks }: { readonly guestAddress: string; readonly networks: ReadonlySet<string> },
): PublishedPort[] {
  const found = new Map<string, PublishedPort>();
  for (const container of containers) {
    const address = containerAddress(container, networks);
    for (const port of container.Ports ?? []) {
      if (port.PublicPort === undefined || (port.Type !== 'tcp' && port.Type !== 'udp')) continue;
      const hostAddress = port.IP === undefined || port.IP === '' ? '0.0.0.0' : port.IP;
      const published: PublishedPort = {
        protocol: port.Type,
        hostAddress,
        hostPort: port.PublicPort,
        container: containerName(container),
        containerPort: port.PrivatePort,
        target:
          address === undefined
            ? { address: guestAddress, port: port.PublicPort }
            : { address, port: port.PrivatePort },
      };
      const all =
        hostAddress === '0.0.0.0' && isForAll(container.bindings, `${port.PrivatePort}/${port.Type}`);
      for (const one of all
        ? [published, { ...published, hostAddress: '::', optional: true }]
        : [published]) {
        const key = portKey(one);
        if (!found.has(key)) found.set(key, one);
      }
    }
    for (const one of ipv6Ports(container, address))
      if (!found.has(wantedKey(one))) found.set(wantedKey(one), one);
  }
  return [...found.values()];
}

/**
 * Docker lists nothing for an address of IPv6 while the container has none of its own, and chooses no port there. The host
 * has it all the same, and leads it to the container's IPv4 address.
 */
function ipv6Ports(container: ContainerSummary, address: string | undefined): PublishedPort[] {
  if (address === undefined) return [];
  const { bindings = {}, Ports = [] } = container;
  const isChosen = ({ hostAddress, containerPort, protocol }: Omit<Binding, 'hostPort'>) =>
    Ports.some(
      ({ IP, PrivatePort, Type, PublicPort }) =>
        PublicPort !== undefined && IP === hostAddress && PrivatePort === containerPort && Type === protocol,
    );
  const chosenHere = readChoices(bindings).filter((binding) => !isChosen(binding));
  return [...readBindings(bindings), ...chosenHere]
    .filter(({ hostAddress }) => hostAddress.includes(':'))
    .map((binding) => ({
      ...binding,
      container: containerName(container),
      target: { address, port: binding.containerPort },
    }));
}

/** One entry of {@link PortBindings} that names a port of the host. */
export type Binding = Pick<PublishedPort, 'protocol' | 'hostAddress' | 'hostPort' | 'containerPort'>;

/** The address is as it was asked for, empty too. Left out are ranges, any port, and what dockerd refuses itself. */
export function readBindings(bindings: PortBindings): Binding[] {
  return readEntries(bindings).flatMap(({ text, ...side }): Binding[] => {
    const hostPort = /^\d+$/.test(text) ? Number(text) : 0;
    return hostPort === 0 || hostPort > 65_535 ? [] : [{ ...side, hostPort }];
  });
}

/** What {@link readBindings} leaves out for somebody to choose: ranges, and any port. */
function readChoices(bindings: PortBindings): (Binding & { readonly choice: PortChoice })[] {
  return readEntries(bindings).flatMap(({ text, ...side }) => {
    if (text === '' || text === '0') return [{ ...side, hostPort: 0, choice: ANY_PORT }];
    const [, from, to] = (/^(\d+)-(\d+)$/.exec(text) ?? []).map(Number);
    if (from === undefined || to === undefined || from === 0 || from > to || to > 65_535) return [];
    return [{ ...side, hostPort: 0, choice: { from, to } }];
  });
}

/** @returns with the host's port as it is written */
function readEntries(bindings: PortBindings): (Omit<Binding, 'hostPort'> & { readonly text: string })[] {
  return Object.entries(bindings).flatMap(([key, list]) => {
    const [port = '', protocol = 'tcp'] = key.split('/');
    if (protocol !== 'tcp' && protocol !== 'udp') return [];
    return (list ?? []).map(({ HostIp = '', HostPort = '' }) => ({
      ...{ protocol, hostAddress: HostIp, text: HostPort, containerPort: Number(port) },
    }));
  });
}

/** The networks behind the guest, to which the gateway needs a route. */
export function containerSubnets(networks: readonly NetworkSummary[]): string[] {
  return networks
    .filter((network) => network.Driver === 'bridge')
    .flatMap((network) => network.IPAM?.Config ?? [])
    .flatMap(({ Subnet }) => (Subnet === undefined ? [] : [Subnet]));
}

/**
 * What a swarm's services publish on every machine of it: the machine leads its own port to a task. What they publish by
 * `mode=host` is their containers' affair.
 */
export function servicePorts(services: readonly ServiceSummary[], guestAddress: string): PublishedPort[] {
  return services.flatMap(({ Spec, Endpoint }) =>
    (Endpoint?.Ports ?? []).flatMap(({ Protocol, TargetPort, PublishedPort: hostPort, PublishMode }) => {
      if (PublishMode === 'host' || hostPort === undefined) return [];
      if (Protocol !== 'tcp' && Protocol !== 'udp') return [];
      const published: PublishedPort = {
        protocol: Protocol,
        hostAddress: '0.0.0.0',
        hostPort,
        container: Spec?.Name ?? 'a service',
        containerPort: TargetPort ?? hostPort,
        target: { address: guestAddress, port: hostPort },
      };
      return [published, { ...published, hostAddress: '::', optional: true }];
    }),
  );
}

/** Identifiers of the networks whose addresses the gateway reaches: bridges that are not shut (`--internal`). */
export function publishingNetworks(networks: readonly NetworkSummary[]): Set<string> {
  return new Set(
    networks.flatMap(({ Id, Driver, Internal }) =>
      Id !== undefined && Driver === 'bridge' && Internal !== true ? [Id] : [],
    ),
  );
}

/** Names by identifier of the containers that have no network of their own, or that of one which has none. */
export function containersOnMachineNetwork(containers: readonly ContainerSummary[]): Map<string, string> {
  const byId = new Map(containers.map((container) => [container.Id, container]));
  const isOnIt = ({ HostConfig }: ContainerSummary, steps = containers.length): boolean => {
    const mode = HostConfig?.NetworkMode ?? '';
    const joined = mode.startsWith('container:') ? byId.get(mode.slice('container:'.length)) : undefined;
    return mode === 'host' || (joined !== undefined && steps > 0 && isOnIt(joined, steps - 1));
  };
  return new Map(
    containers
      .filter((container) => isOnIt(container))
      .map((container) => [container.Id, containerName(container)]),
  );
}

/** What nobody bound is published by `-P`, on all addresses. */
function isForAll(bindings: PortBindings | undefined, key: string): boolean {
  if (bindings === undefined) return false;
  return bindings[key]?.some(({ HostIp }) => HostIp === undefined || HostIp === '') ?? true;
}

/** The first, by the networks' names, of the addresses by which a container is reached. */
function containerAddress(
  { NetworkSettings }: ContainerSummary,
  networks: ReadonlySet<string>,
): string | undefined {
  const joined = Object.entries(NetworkSettings?.Networks ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [, network] of joined) {
    const { IPAddress = '', NetworkID = '' } = network ?? {};
    if (IPAddress !== '' && networks.has(NetworkID)) return IPAddress;
  }
  return undefined;
}

/** As the user knows it. */
export function containerName({ Names, Id }: Pick<ContainerSummary, 'Names' | 'Id'>): string {
  return Names?.[0]?.replace(/^\//, '') ?? Id.slice(0, 12);
}
